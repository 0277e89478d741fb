import { SendMessageBatchCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { Enqueue, Queue, WakeUp } from '../tasks/task.ts';

/** Messages that one SendMessageBatch may carry. */
const BATCH = 10;

/** Requests under way at once. */
const PARALLEL = 8;

/**
 * Sends wake-ups by SQS, up to ten messages a request. The message group is the organization: SQS's fair queues then
 * keep one organization's load from delaying the others' messages.
 *
 * @param traceHeader X-Ray's, of the invocation that sends: the worker's trace goes on from there
 * @param onFailure called once for each request that failed or was only partly accepted
 */
export function sqsEnqueue(
  sqs: SQSClient,
  urls: Record<Queue, string>,
  traceHeader: () => string | undefined,
  onFailure: (error: unknown) => void,
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
      // A batch is answered with 200 even when messages of it were refused.
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
