import type { Measure, MetricName } from '../../metrics.ts';
import type { Queue, Task, TaskStatus } from '../task.ts';

/** The metric for a worker's or dispatcher's move to a status. */
const MOVED_TO: Partial<Record<TaskStatus, MetricName>> = {
  SCHEDULED: 'TasksRetried',
  COMPLETED: 'TasksCompleted',
  FAILED: 'TasksFailed',
  CANCELLED: 'TasksCancelled',
};

const LATENESS: Record<Queue, MetricName> = {
  interactive: 'InteractiveStartLateness',
  bulk: 'BulkStartLateness',
};

type Moved = Pick<Task, 'status' | 'queue' | 'attempt' | 'startedAt' | 'runAt'>;

/**
 * Returns `announce` for the moves of a worker or dispatcher, which it also measures: outcomes of attempts, and the lateness of
 * starts. Do not use it for requests of callers: a requeue is no retry.
 */
export function measuringMoves<Row extends Moved>(
  measure: Measure,
  announce: (rows: readonly Row[]) => void,
) {
  return (rows: readonly Row[]): void => {
    for (const { status, queue, attempt, startedAt, runAt } of rows) {
      // A task that waited for other tasks is now scheduled for its first attempt. That is no retry.
      if (status === 'SCHEDULED' && attempt === 0) continue;
      const counted = MOVED_TO[status];
      if (counted) measure(counted, 1);
      else if (status === 'RUNNING' && startedAt) {
        measure(LATENESS[queue], startedAt.getTime() - runAt.getTime());
      }
    }
    announce(rows);
  };
}
