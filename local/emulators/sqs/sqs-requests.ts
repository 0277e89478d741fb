import { Agent, request } from 'undici';

/** A message as ReceiveMessage returns it. */
export interface ReceivedMessage {
  MessageId: string;
  ReceiptHandle: string;
  Body: string;
  MD5OfBody: string;
  Attributes?: Record<string, string>;
  MessageAttributes?: Record<string, { DataType: string; StringValue?: string; BinaryValue?: string }>;
}

export interface SqsRequests {
  /** Up to `max` messages (1 to 10), waiting up to `waitSeconds` (0 to 20) for the first. */
  receive(
    queueUrl: string,
    max: number,
    waitSeconds: number,
    signal?: AbortSignal,
  ): Promise<ReceivedMessage[]>;
  /** Deletes up to ten messages in one request. */
  remove(queueUrl: string, receiptHandles: readonly string[]): Promise<void>;
  /** Makes up to ten received messages visible again after a second. */
  giveBack(queueUrl: string, receiptHandles: readonly string[]): Promise<void>;
  /** Sends one message. */
  send(queueUrl: string, body: string): Promise<void>;
  close(): Promise<void>;
}

/**
 * Speaks SQS's JSON protocol, unsigned. The pollers that Lambda runs on AWS are not the user's code and cost nothing
 * there; here they share two cores with everything else, and this is a tenth of the SDK's work.
 *
 * @param endpoint without a trailing slash
 */
export function sqsRequests(endpoint: string): SqsRequests {
  const dispatcher = new Agent({ keepAliveTimeout: 60_000, headersTimeout: 60_000 });

  async function send(action: string, body: unknown, signal?: AbortSignal): Promise<Record<string, unknown>> {
    const response = await request(`${endpoint}/`, {
      dispatcher,
      method: 'POST',
      headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': `AmazonSQS.${action}` },
      body: JSON.stringify(body),
      signal: signal ?? null,
    });
    const answer = await response.body.text();
    if (response.statusCode !== 200)
      throw new Error(`SQS ${action} answered ${response.statusCode}: ${answer}`);
    return answer ? JSON.parse(answer) : {};
  }

  return {
    receive: async (QueueUrl, MaxNumberOfMessages, WaitTimeSeconds, signal) => {
      const names = { MessageSystemAttributeNames: ['All'], MessageAttributeNames: ['All'] };
      const answer = await send(
        'ReceiveMessage',
        { QueueUrl, MaxNumberOfMessages, WaitTimeSeconds, ...names },
        signal,
      );
      return (answer.Messages ?? []) as ReceivedMessage[];
    },
    remove: async (QueueUrl, receiptHandles) => {
      const Entries = receiptHandles.map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle }));
      await send('DeleteMessageBatch', { QueueUrl, Entries });
    },
    giveBack: async (QueueUrl, receiptHandles) => {
      const Entries = receiptHandles.map((ReceiptHandle, index) => ({
        Id: String(index),
        ReceiptHandle,
        VisibilityTimeout: 1,
      }));
      await send('ChangeMessageVisibilityBatch', { QueueUrl, Entries });
    },
    send: async (QueueUrl, MessageBody) => {
      await send('SendMessage', { QueueUrl, MessageBody });
    },
    close: () => dispatcher.destroy(),
  };
}
