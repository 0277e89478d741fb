import * as z from 'zod';
import { BATCH_STATUSES, progressOf, statusOf } from '../../../tasks/batch-status.ts';
import type { BatchNow } from '../../../tasks/queries/batches.ts';

/** A batch in the API's form. */
export const BatchView = z
  .object({
    id: z.uuid(),
    name: z.string(),
    organization: z.uuid(),
    created_by: z.uuid().nullable(),
    queue: z.string(),
    status: z.enum(BATCH_STATUSES).describe('`importing` until all tasks of the batch are created'),
    total: z.int(),
    completed: z.int(),
    failed: z.int(),
    cancelled: z.int(),
    running: z.int().describe('Tasks that run at this moment'),
    waiting: z.int().describe('Tasks that wait for their time, for other tasks or for a worker'),
    progress: z.number().describe('Fraction of the tasks that have ended, 0 to 1'),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    finished_at: z.iso.datetime().nullable(),
    seq: z.int().describe('Increases with every change'),
  })
  .meta({ id: 'Batch' });

export function batchView(batch: BatchNow): z.infer<typeof BatchView> {
  const { total, completed, failed, cancelled } = batch;
  const left = total - completed - failed - cancelled;
  // The running tasks are counted a moment after the other counters were written.
  const running = Math.min(batch.running, left);
  return {
    id: batch.id,
    name: batch.name,
    organization: batch.organizationId,
    created_by: batch.createdBy,
    queue: batch.queue,
    status: statusOf(batch),
    total,
    completed,
    failed,
    cancelled,
    running,
    waiting: left - running,
    progress: progressOf(batch),
    created_at: time(batch.createdAt),
    updated_at: time(batch.updatedAt),
    finished_at: batch.finishedAt && time(batch.finishedAt),
    seq: batch.seq,
  };
}

/** Converts a time from JSON that Postgres wrote, with any offset. */
const time = (text: string) => new Date(text).toISOString();
