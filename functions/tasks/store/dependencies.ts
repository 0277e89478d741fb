import type { Database, Transaction } from '../../database/connect.ts';
import type { Json } from '../define-task.ts';
import type { DispatchSettings, Task, TaskStatus, Watched } from '../task.ts';
import { batchCountersSql, watchedBatchSql } from './fragments/batch-counters.ts';
import {
  dueInSecondsSql,
  fromStatuses,
  idIsAnySql,
  nextDispatchSql,
  type Timed,
  taskColumnsSql,
} from './fragments/columns.ts';
import { finishedSql, unsuccessfulSql } from './fragments/statuses.ts';

/**
 * Marks tasks of an organization as waited for. None of them can end before the transaction does.
 *
 * @returns the tasks that exist, with their present status
 */
export async function awaitTasks(
  tx: Transaction,
  organizationId: string,
  ids: readonly string[],
): Promise<{ id: string; status: TaskStatus }[]> {
  return tx<{ id: string; status: TaskStatus }[]>`
    with given as (
      select t.id from tasks t
      where t.id = any (${ids as string[]}::uuid[]) and t.organization_id = ${organizationId}
      order by t.id
      for update of t
    )
    update tasks t set has_dependents = true
    from given where t.id = given.id
    returning t.id, t.status`;
}

/** How a task ended, for a task that depends on it. */
export type FoundInput = Pick<Task, 'status' | 'artifact' | 'error'> & { result: Json };

/** Finds a task that another task of the organization depends on. */
export async function findInput(
  db: Database,
  organizationId: string,
  id: string,
): Promise<FoundInput | undefined> {
  const [row] = await db<FoundInput[]>`
    select t.status, t.result, t.artifact, t.error from tasks t where t.id = ${id} and t.organization_id = ${organizationId}`;
  return row;
}

/** Returns the status of each given task that the organization has. */
export async function statusesOf(
  db: Database,
  organizationId: string,
  ids: readonly string[],
): Promise<{ id: string; status: TaskStatus }[]> {
  return db<{ id: string; status: TaskStatus }[]>`
    select t.id, t.status from tasks t
    where t.id = any (${ids as string[]}::uuid[]) and t.organization_id = ${organizationId}`;
}

/** Finds a dependency that keeps a task of `on_failure` `cancel` from running: it will not complete, unless it runs again. */
export async function failedDependency(
  tx: Transaction,
  id: string,
): Promise<{ id: string; status: TaskStatus } | undefined> {
  const [failed] = await tx<{ id: string; status: TaskStatus }[]>`
    select p.id, p.status from task_dependencies d join tasks p on p.id = d.depends_on
    where d.task_id = ${id} and p.status in ${unsuccessfulSql(tx)}
    order by p.id
    limit 1`;
  return failed;
}

/** Waiting tasks that one statement moves at most, because any number of tasks may wait for one task. */
export const MAX_RELEASED = 1_000;

type ReleasedDependents = { handled: number; moved: Timed<Watched<Task>>[]; more: boolean };

/**
 * Fate of a task `t` by its dependencies `p`: `lost` when it will never run, `free` when it need not wait any more. With
 * `on_failure` `run` it is never lost.
 */
const fateSql = (tx: Transaction) => tx`
  t.on_failure = 'cancel' and bool_or(p.status in ${unsuccessfulSql(tx)}) as lost,
  case t.on_failure when 'run' then bool_and(p.status in ${finishedSql(tx)}) else bool_and(p.status = 'COMPLETED') end as free`;

/**
 * Applies the ends of tasks to the tasks that depend on them. A dependent is SCHEDULED when all its dependencies are COMPLETED,
 * and CANCELLED when one of them has FAILED or was CANCELLED. With `on_failure` `run` it is SCHEDULED when all have ended.
 *
 * @param ids   of tasks that have ended; null for any ended tasks whose dependents are not yet handled
 * @param limit of the ended tasks
 * @returns `handled`: number of ended tasks, 0 with `more`; `moved`: the dependents as written, without payload and description;
 *   `more`: true when these ended tasks may have further dependents to move
 */
export async function release(
  db: Database,
  { ids, limit, dispatch }: { ids: readonly string[] | null; limit: number; dispatch: DispatchSettings },
): Promise<ReleasedDependents> {
  const released = await db.begin(async (tx) => {
    const ended = await tx<{ id: string }[]>`
      select t.id from tasks t
      where t.has_dependents and t.finished_at is not null
        and (${ids as string[] | null}::uuid[] is null or t.id = any (${ids as string[] | null}::uuid[]))
      order by t.id
      limit ${limit}
      for update of t skip locked`;
    if (ended.length === 0) return { handled: 0, moved: [], more: false };
    const endedIds = ended.map(({ id }) => id);
    const fated = await decidedDependents(tx, endedIds);
    // Lock first and look afterwards. When two dependencies end at the same time, the second release sees both ends.
    const waiting = await tx<{ id: string }[]>`
      select t.id from tasks t
      where t.status = any (${fromStatuses('release')}::text[]) and ${idIsAnySql(tx, fated)}
      order by t.id
      for update of t`;
    const error = JSON.stringify({
      code: 'dependency_failed',
      message: 'A task that this one waited for has failed, or was cancelled',
    });
    const runAt = tx`greatest(t.run_at, clock_timestamp())`;
    const moved = await tx<Timed<Watched<Task>>[]>`
      with fate as materialized (
        select t.id, ${fateSql(tx)}
        from tasks t join task_dependencies d on d.task_id = t.id join tasks p on p.id = d.depends_on
        where ${idIsAnySql(
          tx,
          waiting.map(({ id }) => id),
        )}
        group by t.id, t.on_failure
      ), moved as (
        update tasks t
        set status = case when fate.lost then 'CANCELLED' else 'SCHEDULED' end,
          error = case when fate.lost then ${error}::jsonb end,
          finished_at = case when fate.lost then clock_timestamp() end,
          run_at = ${runAt},
          next_dispatch_at = case when not fate.lost then ${nextDispatchSql(tx, runAt, dispatch)} end,
          updated_at = clock_timestamp(), seq = t.seq + 1
        from fate
        where t.id = fate.id and (fate.lost or fate.free) and t.status = any (${fromStatuses('release')}::text[])
        returning t.*
      ), ${batchCountersSql(tx, 'moved', 1)}
      select ${taskColumnsSql(tx, false)}, t.watchers, ${watchedBatchSql(tx)}, ${dueInSecondsSql(tx)} from moved t`;
    const more = fated.length === MAX_RELEASED;
    if (!more) await tx`update tasks set has_dependents = false where id = any (${endedIds}::uuid[])`;
    return { handled: more ? 0 : endedIds.length, moved: [...moved], more };
  });
  return released as ReleasedDependents;
}

/**
 * Returns the dependents of the given tasks whose fate is decided: they need not wait any more, or will never run. At
 * most `MAX_RELEASED`. A released task no longer waits, so the next call finds others.
 */
async function decidedDependents(tx: Transaction, ended: readonly string[]): Promise<string[]> {
  const rows = await tx<{ id: string }[]>`
    select distinct waiting.id
    from (select d.task_id from task_dependencies d where d.depends_on = any (${ended as string[]}::uuid[])) d
    -- One look-up by id for each: the cost does not grow with the stored rows.
    cross join lateral (
      select t.id, t.on_failure from tasks t where t.id = d.task_id and t.status = any (${fromStatuses('release')}::text[]) limit 1
    ) waiting
    cross join lateral (
      select ${fateSql(tx)}
      from (select waiting.on_failure) t, task_dependencies o join tasks p on p.id = o.depends_on
      where o.task_id = waiting.id
      group by t.on_failure
    ) fate
    where fate.lost or fate.free
    limit ${MAX_RELEASED}`;
  return rows.map(({ id }) => id);
}
