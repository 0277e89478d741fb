import { Agent, request } from 'undici';
import type { MessageAttributes } from './message.ts';

/** A message as ReceiveMessage returns it. */
export interface ReceivedMessage {
  MessageId: string;
  ReceiptHandle: string;
  Body: string;
  MD5OfBody: string;
  Attributes?: Record<string, string> | undefined;
  MessageAttributes?: MessageAttributes | undefined;
  MD5OfMessageAttributes?: string | undefined;
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

/** Asks SQS for an action, and gives its output. */
export type Ask = (action: string, input: object, signal?: AbortSignal) => Promise<object>;

/**
 * Speaks SQS's JSON protocol, unsigned. The pollers that Lambda runs on AWS are not the user's code and cost nothing
 * there; here they share two cores with everything else, and this is a tenth of the SDK's work.
 *
 * @param endpoint without a trailing slash
 */
export function sqsRequests(endpoint: string): SqsRequests {
  const dispatcher = new Agent({ keepAliveTimeout: 60_000, headersTimeout: 60_000 });
  const ask: Ask = async (action, input, signal) => {
    const response = await request(`${endpoint}/`, {
      dispatcher,
      method: 'POST',
      headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': `AmazonSQS.${action}` },
      body: JSON.stringify(input),
      signal: signal ?? null,
    });
    const answer = await response.body.text();
    if (response.statusCode !== 200)
      throw new Error(`SQS ${action} answered ${response.statusCode}: ${answer}`);
    return answer ? JSON.parse(answer) : {};
  };
  return { ...requestsBy(ask), close: () => dispatcher.destroy() };
}

/** The requests of Lambda's pollers and of EventBridge, by any way to SQS. */
export function requestsBy(ask: Ask): SqsRequests {
  return {
    receive: async (QueueUrl, MaxNumberOfMessages, WaitTimeSeconds, signal) => {
      const names = { MessageSystemAttributeNames: ['All'], MessageAttributeNames: ['All'] };
      const input = { QueueUrl, MaxNumberOfMessages, WaitTimeSeconds, ...names };
      const answer: { Messages?: ReceivedMessage[] } = await ask('ReceiveMessage', input, signal);
      return answer.Messages ?? [];
    },
    remove: async (QueueUrl, receiptHandles) => {
      await ask('DeleteMessageBatch', { QueueUrl, Entries: entries(receiptHandles) });
    },
    giveBack: async (QueueUrl, receiptHandles) => {
      const Entries = entries(receiptHandles).map((entry) => ({ ...entry, VisibilityTimeout: 1 }));
      await ask('ChangeMessageVisibilityBatch', { QueueUrl, Entries });
    },
    send: async (QueueUrl, MessageBody) => {
      await ask('SendMessage', { QueueUrl, MessageBody });
    },
    close: async () => {},
  };
}

function entries(receiptHandles: readonly string[]) {
  return receiptHandles.map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle }));
}
