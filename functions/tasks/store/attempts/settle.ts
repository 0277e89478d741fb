import type { Database } from '../../../database/connect.ts';
import type { DispatchSettings, Outcome, Task, Watched } from '../../task.ts';
import { batchCountersSql, watchedBatchSql } from '../fragments/batch-counters.ts';
import {
  dueInSecondsSql,
  fromStatuses,
  idIsAnySql,
  nextDispatchSql,
  type Timed,
  taskColumnsSql,
} from '../fragments/columns.ts';
import { type Capped, isCappedSql } from '../fragments/lanes.ts';

/**
 * Records the outcomes of attempts: in the row, in `attempts` and in the counters of batches. An outcome whose `attempt` differs
 * from the row's comes from a worker that lost its lease. It changes nothing and is absent from the result.
 *
 * @returns the rows as written, each with the connections that watch it
 */
export async function settle(
  db: Database,
  outcomes: readonly Outcome[],
  dispatch: DispatchSettings,
): Promise<Capped<Timed<Watched<Task>>>[]> {
  const given = outcomes.map((outcome) => ({
    id: outcome.id,
    attempt: outcome.attempt,
    outcome: outcome.kind,
    result: outcome.kind === 'complete' ? outcome.result : null,
    artifact: outcome.kind === 'complete' ? (outcome.artifact ?? null) : null,
    error: outcome.kind === 'complete' ? null : outcome.error,
    delay: outcome.kind === 'retry' ? outcome.delaySeconds : null,
    progress: outcome.progress ?? null,
    logs: outcome.logs ?? null,
  }));
  const to = db`case
    when o.outcome = 'complete' then 'COMPLETED'
    when t.cancel_requested_at is not null then 'CANCELLED'
    when o.outcome = 'retry' and t.attempt < t.attempt_limit then 'SCHEDULED'
    else 'FAILED' end`;
  const asked = idIsAnySql(
    db,
    outcomes.map(({ id }) => id),
  );
  const nextRun = db`clock_timestamp() + o.delay * interval '1 second'`;
  return db<Capped<Timed<Watched<Task>>>[]>`
    with outcome as materialized (
      select * from jsonb_to_recordset(${JSON.stringify(given)}::jsonb)
        as o(id uuid, attempt integer, outcome text, result jsonb, artifact jsonb, error jsonb, delay float8,
          progress jsonb, logs jsonb)
    ), mine as (
      -- All statements lock several rows in the order of ids, so that two of them never wait for each other.
      select t.id, t.cause, t.run_at from tasks t join outcome o on t.id = o.id and t.attempt = o.attempt
      where ${asked} and t.status = any (${fromStatuses('complete')}::text[])
      order by t.id
      for update of t
    ), moved as (
      update tasks t
      set status = ${to},
        result = case when o.outcome = 'complete' then coalesce(o.result, 'null'::jsonb) end,
        artifact = case when o.outcome = 'complete' then o.artifact end,
        error = case when ${to} <> 'CANCELLED' then o.error end,
        cause = case when ${to} = 'SCHEDULED' then 'retry' else t.cause end,
        progress = coalesce(o.progress, t.progress),
        run_at = case when ${to} = 'SCHEDULED' then ${nextRun} else t.run_at end,
        next_dispatch_at = case when ${to} = 'SCHEDULED' then ${nextDispatchSql(db, nextRun, dispatch)} end,
        finished_at = case when ${to} <> 'SCHEDULED' then clock_timestamp() end,
        lease_until = null, updated_at = clock_timestamp(), seq = t.seq + 1
      from outcome o join mine on mine.id = o.id
      where ${asked} and t.id = o.id and t.attempt = o.attempt and t.status = any (${fromStatuses('complete')}::text[])
      returning t.*, mine.cause as made_by, mine.run_at as due_at, o.delay, o.error as failure, o.logs
    ), ledger as (
      insert into attempts as a (task_id, attempt, organization_id, outcome, cause, due_at, started_at, finished_at,
        delay_seconds, error, progress, logs)
      select m.id, m.attempt, m.organization_id,
        case m.status when 'COMPLETED' then 'completed' when 'SCHEDULED' then 'retried' when 'CANCELLED' then 'aborted' else 'failed' end,
        m.made_by, m.due_at, m.started_at, m.updated_at, case when m.status = 'SCHEDULED' then m.delay end, m.failure,
        m.progress, m.logs
      from moved m
      on conflict (task_id, attempt) do update
      set outcome = excluded.outcome, finished_at = excluded.finished_at, delay_seconds = excluded.delay_seconds,
        error = excluded.error, progress = excluded.progress, logs = coalesce(excluded.logs, a.logs)
    ), ${batchCountersSql(db, 'moved', 1)}
    select ${taskColumnsSql(db, false)}, t.watchers, ${watchedBatchSql(db)}, ${dueInSecondsSql(db)},
      ${isCappedSql(db)} as capped
    from moved t`;
}
