import type { Database, Transaction } from '../../database/connect.ts';
import type { Task, Watched } from '../task.ts';
import { LONGEST_DELAY_SECONDS } from '../wake-ups.ts';
import { batchCountersSql, watchedBatchSql } from './fragments/batch-counters.ts';
import {
  dueInSecondsSql,
  fromStatuses,
  idIsAnySql,
  type Timed,
  taskColumnsSql,
} from './fragments/columns.ts';
import { pausedLaneSql } from './fragments/lanes.ts';
import type { Released } from './lanes/lanes.ts';

/**
 * Takes tasks back from workers whose lease has expired: they run again after a short delay, or fail when no attempt is left.
 *
 * @param ids   of tasks whose message has come back; null for the tasks that have waited longest
 * @param limit rows at most
 */
export async function rescue(
  db: Database,
  ids: readonly string[] | null,
  limit: number,
): Promise<Timed<Watched<Task>>[]> {
  const error = JSON.stringify({
    code: 'worker_crashed',
    message:
      'The worker that ran this attempt died: it was killed, ran out of memory, or was cut off past its limit',
  });
  return db<Timed<Watched<Task>>[]>`
    with expired as (
      select t.id, t.cause, t.run_at from tasks t
      where ${ids ? db`${idIsAnySql(db, ids)} and t.status = any (${fromStatuses('rescue')}::text[])` : db`t.status = 'RUNNING'`}
        and t.lease_until < (select clock_timestamp())
      order by t.lease_until
      limit ${limit}
      for update of t skip locked
    ), moved as (
      update tasks t
      set status = case when t.cancel_requested_at is not null then 'CANCELLED'
          when t.attempt < t.attempt_limit then 'SCHEDULED' else 'FAILED' end,
        error = ${error}::jsonb, cause = 'crash', crashes = t.crashes + 1,
        -- The delay doubles with every crash, up to a minute: the cause of the crash may pass. A redelivered message has
        -- already waited for its visibility timeout.
        run_at = clock_timestamp() + ${ids ? db`0` : db`least(60, power(2, t.crashes)) * random()`} * interval '1 second',
        next_dispatch_at = case when t.cancel_requested_at is null and t.attempt < t.attempt_limit then clock_timestamp() end,
        finished_at = case when t.cancel_requested_at is not null or t.attempt >= t.attempt_limit then clock_timestamp() end,
        lease_until = null, updated_at = clock_timestamp(), seq = t.seq + 1
      from expired where t.id = expired.id
      returning t.*, expired.cause as made_by, expired.run_at as due_at
    ), ledger as (
      insert into attempts as a (task_id, attempt, organization_id, outcome, cause, due_at, started_at, finished_at,
        delay_seconds, error, progress)
      select m.id, m.attempt, m.organization_id, 'crashed', m.made_by, m.due_at, m.started_at, m.updated_at,
        case when m.status = 'SCHEDULED' then extract(epoch from m.run_at - m.updated_at) end, m.error, m.progress
      from moved m
      on conflict (task_id, attempt) do update
      set outcome = excluded.outcome, finished_at = excluded.finished_at, delay_seconds = excluded.delay_seconds,
        error = excluded.error, progress = excluded.progress
    ), ${batchCountersSql(db, 'moved', 1)}
    select ${taskColumnsSql(db, false)}, t.watchers, ${watchedBatchSql(db)}, ${dueInSecondsSql(db)} from moved t`;
}

/**
 * Takes the tasks that need a message now: due within the look-ahead and not yet sent, or sent and not claimed for too long. Each
 * further message for a task waits twice as long as the one before. Paused tasks are held instead.
 *
 * Call it in a transaction that also sends the messages. If the caller dies before sending, nothing is taken.
 *
 * @returns `taken`: number of rows that were looked at; `due`: the tasks to send
 */
export async function takeForDispatch(
  tx: Database | Transaction,
  limit: number,
  resendSeconds: number,
): Promise<{ taken: number; due: Released[] }> {
  const rows = await tx<(Released & { held: boolean })[]>`
    with due as (
      select t.id, ${pausedLaneSql(tx)} as lane from tasks t
      where t.status = 'SCHEDULED' and t.next_dispatch_at <= (select clock_timestamp())
      order by t.next_dispatch_at
      limit ${limit}
      for update of t skip locked
    )
    update tasks t
    set held_by = due.lane,
      dispatches = t.dispatches + case when due.lane is null then 1 else 0 end,
      next_dispatch_at = case when due.lane is not null then 'infinity'
        else greatest(t.run_at, clock_timestamp())
          + least(${resendSeconds} * power(2, least(t.dispatches, 10)), 86400) * interval '1 second' end
    from due where t.id = due.id
    returning t.id, t.organization_id as "organizationId", t.queue, t.crashes > 0 as suspect, ${dueInSecondsSql(tx)},
      t.held_by is not null as held`;
  return { taken: rows.length, due: rows.filter(({ held }) => !held) };
}

/**
 * Returns tasks whose message could not be sent, or for which no time was left, to the next tick. A row that another session has
 * locked is being handled already. The failed message does not count towards the doubling of resends. A task that is due later
 * than the longest delay of a message keeps its time of dispatch.
 */
export async function dispatchAgain(db: Database | Transaction, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await db`
    with given as (
      select t.id from tasks t
      where t.id = any (${ids as string[]}::uuid[]) and t.status = 'SCHEDULED' and t.held_by is null
        and t.run_at <= clock_timestamp() + ${LONGEST_DELAY_SECONDS} * interval '1 second'
      for update of t skip locked
    )
    update tasks t set next_dispatch_at = clock_timestamp(), dispatches = greatest(t.dispatches - 1, 0)
    from given where t.id = given.id`;
}
