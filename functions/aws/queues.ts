import {
  ChangeMessageVisibilityBatchCommand,
  SendMessageBatchCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import type { Enqueue, Queue, WakeUp } from '../tasks/task.ts';

/** Maximum messages in one SendMessageBatch request. */
const BATCH = 10;

/** Maximum requests under way at once. */
const PARALLEL = 8;

/**
 * Sends wake-ups through SQS, up to ten messages per request. The message group is the organization: SQS's fair queues
 * then keep one organization's load from delaying other organizations' messages.
 *
 * @param traceHeader X-Ray trace header of the sending invocation; the worker continues this trace
 * @param onFailure called once for each request that failed or was only partly accepted
 */
export function sqsEnqueue(
  sqs: SQSClient,
  {
    urls,
    traceHeader,
    onFailure,
  }: {
    urls: Record<Queue, string>;
    traceHeader: () => string | undefined;
    onFailure: (error: unknown) => void;
  },
): Enqueue {
  const send = async (queue: Queue, batch: readonly WakeUp[]): Promise<string[]> => {
    const idsOf = (index: number) => [...(batch[index]?.ids ?? [])];
    const trace = traceHeader();
    const system = trace && { AWSTraceHeader: { DataType: 'String', StringValue: trace } };
    try {
      const answer = await sqs.send(
        new SendMessageBatchCommand({
          QueueUrl: urls[queue],
          Entries: batch.map(({ ids, organizationId, delaySeconds }, index) => ({
            Id: String(index),
            MessageBody: JSON.stringify({ v: 1, ids }),
            MessageGroupId: organizationId,
            DelaySeconds: delaySeconds,
            ...(system && { MessageSystemAttributes: system }),
          })),
        }),
      );
      // SQS answers a batch with 200 even when it refused some of the messages.
      const failed = answer.Failed ?? [];
      if (failed.length > 0)
        onFailure(
          new Error(`SQS refused ${failed.length} messages: ${failed[0]?.Code} ${failed[0]?.Message}`),
        );
      return failed.flatMap((entry) => idsOf(Number(entry.Id)));
    } catch (error) {
      onFailure(error);
      return batch.flatMap((wakeUp) => [...wakeUp.ids]);
    }
  };

  return async (wakeUps) => {
    const batches = (['interactive', 'bulk'] as const).flatMap((queue) => {
      const mine = wakeUps.filter((wakeUp) => wakeUp.queue === queue);
      return Array.from({ length: Math.ceil(mine.length / BATCH) }, (_, i) => ({
        queue,
        batch: mine.slice(i * BATCH, (i + 1) * BATCH),
      }));
    });
    const unsent: string[] = [];
    const next = async (): Promise<void> => {
      for (let item = batches.shift(); item; item = batches.shift())
        unsent.push(...(await send(item.queue, item.batch)));
    };
    await Promise.all(Array.from({ length: PARALLEL }, next));
    return unsent;
  };
}

/** The fields of a received message that are needed to give the message back. */
export type Received = {
  messageId: string;
  receiptHandle: string;
  eventSourceARN: string;
  attributes: { ApproximateReceiveCount: string };
};

/** Seconds that a message stays hidden after it is given back the first time. The pause doubles with each further receive. */
const FIRST_PAUSE_SECONDS = 10;
const LONGEST_PAUSE_SECONDS = 160;

/**
 * Gives messages back to their queue when the invocation could not work on them. Without this, a message stays hidden for
 * the queue's visibility timeout (an hour and a half), and counts towards the 120,000 messages that SQS allows in flight.
 *
 * @param onFailure called when SQS did not take back some messages; these messages appear again after the visibility
 *   timeout
 */
export function sqsGiveBack(
  sqs: SQSClient,
  urls: Record<Queue, string>,
  onFailure: (error: unknown) => void,
): (messages: readonly Received[]) => Promise<void> {
  return async (messages) => {
    for (const QueueUrl of Object.values(urls)) {
      const name = QueueUrl.slice(QueueUrl.lastIndexOf('/') + 1);
      const Entries = messages
        .filter(({ eventSourceARN }) => eventSourceARN.endsWith(`:${name}`))
        .map(({ messageId, receiptHandle, attributes }) => ({
          Id: messageId,
          ReceiptHandle: receiptHandle,
          VisibilityTimeout: pauseSeconds(Number(attributes.ApproximateReceiveCount)),
        }));
      if (Entries.length === 0) continue;
      try {
        const { Failed = [] } = await sqs.send(
          new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries }),
        );
        if (Failed.length > 0)
          onFailure(new Error(`SQS did not take back ${Failed.length} messages: ${Failed[0]?.Code}`));
      } catch (error) {
        onFailure(error);
      }
    }
  };
}

/** Returns the pause before a message appears again. @param receives how often the message was received, from 1 */
function pauseSeconds(receives: number): number {
  return Math.min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (receives - 1));
}
