import { Agent, request } from 'undici';
import type { MessageAttributes } from './message.ts';

/** A message in the form that ReceiveMessage returns. */
export interface ReceivedMessage {
  MessageId: string;
  ReceiptHandle: string;
  Body: string;
  MD5OfBody: string;
  Attributes?: Record<string, string> | undefined;
  MessageAttributes?: MessageAttributes | undefined;
  MD5OfMessageAttributes?: string | undefined;
}

export interface QueuePoll {
  readonly max: number;
  readonly waitSeconds: number;
  readonly signal?: AbortSignal;
}

export interface SqsRequests {
  /** Receives up to `max` messages (1 to 10), and waits up to `waitSeconds` (0 to 20) for the first one. */
  receive(queueUrl: string, poll: QueuePoll): Promise<ReceivedMessage[]>;
  /** Deletes up to ten messages in one request. */
  remove(queueUrl: string, receiptHandles: readonly string[]): Promise<void>;
  /** Makes up to ten received messages visible again after a second. */
  giveBack(queueUrl: string, receiptHandles: readonly string[]): Promise<void>;
  /** Sends one message. */
  send(queueUrl: string, body: string): Promise<void>;
  close(): Promise<void>;
}

/** Performs an SQS action. @returns its output */
export type Ask = (action: string, input: object, signal?: AbortSignal) => Promise<object>;

/**
 * Calls SQS over its JSON protocol, unsigned. On AWS the pollers belong to Lambda and cost nothing; here they share the
 * machine's cores with everything else. This client does a tenth of the SDK's work.
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

/** Returns the requests that Lambda's pollers and EventBridge make, over any transport. */
export function requestsBy(ask: Ask): SqsRequests {
  return {
    receive: async (QueueUrl, { max, waitSeconds, signal }) => {
      const names = { MessageSystemAttributeNames: ['All'], MessageAttributeNames: ['All'] };
      const input = { QueueUrl, MaxNumberOfMessages: max, WaitTimeSeconds: waitSeconds, ...names };
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
