import type { Batch } from './task.ts';

export const BATCH_STATUSES = ['importing', 'running', 'finished'] as const;

export type BatchStatus = (typeof BATCH_STATUSES)[number];

export function statusOf({ sealed, finishedAt }: Pick<Batch, 'sealed' | 'finishedAt'>): BatchStatus {
  if (finishedAt !== null) return 'finished';
  return sealed ? 'running' : 'importing';
}

/** Returns the part of a batch's tasks that have ended, in [0, 1]; 1 exactly when all have ended. */
export function progressOf({
  total,
  completed,
  failed,
  cancelled,
  finishedAt,
}: Pick<Batch, 'total' | 'completed' | 'failed' | 'cancelled' | 'finishedAt'>): number {
  if (total === 0) return finishedAt === null ? 0 : 1;
  return (completed + failed + cancelled) / total;
}
