import { progressOf, statusOf } from '../tasks/batch-status.ts';
import type { Batch } from '../tasks/task.ts';

/** Returns the frame of a batch: its counts, as they were written with `seq`. */
export function batchFrame(batch: Batch): string {
  const { id, name, total, completed, failed, cancelled, seq, updatedAt, finishedAt } = batch;
  return JSON.stringify({
    type: 'batch',
    id,
    status: statusOf(batch),
    total,
    completed,
    failed,
    cancelled,
    progress: progressOf(batch),
    seq,
    name,
    updated_at: new Date(updatedAt),
    finished_at: finishedAt && new Date(finishedAt),
  });
}
