import type { Database } from '../../../database/connect.ts';
import type { LogEntry, Progress, Task, Watched } from '../../task.ts';
import { fromStatuses, idIsAnySql, taskColumnsSql } from '../fragments/columns.ts';

/** Progress and logs of a running attempt. */
export type Report = {
  id: string;
  attempt: number;
  /** Undefined when the progress has not changed since the last report. */
  progress?: Progress;
  /** All kept log entries of the attempt; undefined when there are no new ones. */
  logs?: readonly LogEntry[];
};

/**
 * Stores reports of running attempts: progress in the row, progress and logs in `attempts`. A report of an attempt that this
 * worker no longer has changes nothing and is absent from the result.
 */
export async function report(db: Database, reports: readonly Report[]): Promise<Watched<Task>[]> {
  const asked = idIsAnySql(
    db,
    reports.map(({ id }) => id),
  );
  return db<Watched<Task>[]>`
    with given as materialized (
      select * from jsonb_to_recordset(${JSON.stringify(reports)}::jsonb)
        as g(id uuid, attempt integer, progress jsonb, logs jsonb)
    ), mine as (
      select t.id from tasks t join given g on t.id = g.id and t.attempt = g.attempt
      where ${asked} and t.status = any (${fromStatuses('complete')}::text[])
      order by t.id
      for update of t
    ), moved as (
      update tasks t
      set progress = coalesce(g.progress, t.progress), updated_at = clock_timestamp(), seq = t.seq + 1
      from given g join mine on mine.id = g.id
      where ${asked} and t.id = g.id and t.attempt = g.attempt and t.status = any (${fromStatuses('complete')}::text[])
      returning t.*, g.logs
    ), ledger as (
      insert into attempts as a (task_id, attempt, organization_id, outcome, cause, due_at, started_at, progress, logs)
      select m.id, m.attempt, m.organization_id, 'running', m.cause, m.run_at, m.started_at, m.progress, m.logs
      from moved m
      on conflict (task_id, attempt) do update
      set progress = excluded.progress, logs = coalesce(excluded.logs, a.logs)
      where a.outcome = 'running'
    )
    select ${taskColumnsSql(db, false)}, t.watchers, null as batch from moved t`;
}
