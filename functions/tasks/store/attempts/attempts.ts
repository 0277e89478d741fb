import type { Transaction } from '../../../database/connect.ts';
import type { Cause, LogEntry, Progress, TaskError } from '../../task.ts';

/** An attempt, as the table `attempts` has it. */
export type Attempt = {
  attempt: number;
  outcome: 'running' | 'completed' | 'retried' | 'failed' | 'aborted' | 'crashed';
  /** Null for attempts from before the cause was stored. */
  cause: Cause | null;
  dueAt: Date | null;
  startedAt: Date;
  finishedAt: Date | null;
  /** Seconds from the end of this attempt to the earliest start of the next one. */
  delaySeconds: number | null;
  error: TaskError | null;
  progress: Progress | null;
  logs: LogEntry[] | null;
};

/**
 * Returns the attempts of a task that the transaction's principal may see, newest first.
 *
 * @param before only attempts with a lower number; null for the newest
 */
export async function attempts(
  tx: Transaction,
  { taskId, before, limit }: { taskId: string; before: number | null; limit: number },
): Promise<Attempt[]> {
  // A running attempt that has not reported anything is not in the table yet. It is read from the task's row.
  return tx<Attempt[]>`
    with ledger as (
      select a.attempt, a.outcome, a.cause, a.due_at, a.started_at, a.finished_at, a.delay_seconds, a.error, a.progress, a.logs
      from attempts a where a.task_id = ${taskId}
      union all
      select t.attempt, 'running', t.cause, t.run_at, t.started_at, null, null, null, t.progress, null
      from tasks t
      where t.id = ${taskId} and t.status = 'RUNNING'
        and not exists (select from attempts a where a.task_id = t.id and a.attempt = t.attempt)
    )
    select l.attempt, l.outcome, l.cause, l.due_at as "dueAt", l.started_at as "startedAt", l.finished_at as "finishedAt",
      l.delay_seconds as "delaySeconds", l.error, l.progress, l.logs
    from ledger l
    where ${before}::integer is null or l.attempt < ${before}::integer
    order by l.attempt desc
    limit ${limit}`;
}
