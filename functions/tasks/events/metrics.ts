import type { Measure, MetricName } from '../../metrics.ts';
import type { Queue, Task, TaskStatus } from '../task.ts';

/** What a worker's or dispatcher's move to a status counts as. */
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

/**
 * Measures rows as a worker's or dispatcher's moves left them: what became of attempts, and how late they started.
 * Not for what people ask for: a requeue is no retry.
 */
export function measureMoves(
  measure: Measure,
  tasks: readonly Pick<Task, 'status' | 'queue' | 'attempt' | 'startedAt' | 'runAt'>[],
): void {
  for (const { status, queue, attempt, startedAt, runAt } of tasks) {
    // What had to wait for other tasks is scheduled for its first attempt: no retry.
    if (status === 'SCHEDULED' && attempt === 0) continue;
    const counted = MOVED_TO[status];
    if (counted) measure(counted, 1);
    else if (status === 'RUNNING' && startedAt) {
      measure(LATENESS[queue], startedAt.getTime() - runAt.getTime());
    }
  }
}
