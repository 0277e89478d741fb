import type { Database, Transaction } from '../../database/connect.ts';
import type { DispatchSettings, Task, TaskStatus, Watched } from '../task.ts';
import { columns, dueIn, leaves, nextDispatch, type Timed } from './columns.ts';
import { tally, watchedBatch } from './tally.ts';

/**
 * Marks tasks of an organization as waited for, which excludes that they end before the transaction does.
 *
 * @returns those that there are, with their present status
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

/**
 * Tells tasks that wait how those ended that they wait for: when all are COMPLETED they are SCHEDULED, when one has FAILED or
 * was CANCELLED they are CANCELLED.
 *
 * @param ids   of tasks that have ended; null for whichever have dependents that were not told
 * @param limit of these
 * @returns `told`: how many have been dealt with; `moved`: the tasks that waited, as written
 */
export async function release(
  db: Database,
  ids: readonly string[] | null,
  limit: number,
  dispatch: DispatchSettings,
): Promise<{ told: number; moved: Timed<Watched<Task>>[] }> {
  const released = await db.begin(async (tx) => {
    const ended = await tx<{ id: string }[]>`
      select t.id from tasks t
      where t.has_dependents and t.finished_at is not null
        and (${ids as string[] | null}::uuid[] is null or t.id = any (${ids as string[] | null}::uuid[]))
      order by t.id
      limit ${limit}
      for update of t skip locked`;
    if (ended.length === 0) return { told: 0, moved: [] };
    const told = ended.map(({ id }) => id);
    // Locked first and looked at afterwards: of two whose end comes at the same time, the second sees both.
    const waiting = await tx<{ id: string }[]>`
      select t.id from tasks t
      where t.status = any (${leaves('release')}::text[])
        and t.id in (select d.task_id from task_dependencies d where d.depends_on = any (${told}::uuid[]))
      order by t.id
      for update of t`;
    const error = JSON.stringify({
      code: 'dependency_failed',
      message: 'A task that this one waited for has failed, or was cancelled',
    });
    const runAt = tx`greatest(t.run_at, clock_timestamp())`;
    const moved = await tx<Timed<Watched<Task>>[]>`
      with fate as materialized (
        select d.task_id as id, bool_or(p.status in ('FAILED', 'CANCELLED')) as lost, bool_and(p.status = 'COMPLETED') as free
        from task_dependencies d join tasks p on p.id = d.depends_on
        where d.task_id = any (${waiting.map(({ id }) => id)}::uuid[])
        group by d.task_id
      ), moved as (
        update tasks t
        set status = case when fate.lost then 'CANCELLED' else 'SCHEDULED' end,
          error = case when fate.lost then ${error}::jsonb end,
          finished_at = case when fate.lost then clock_timestamp() end,
          run_at = ${runAt},
          next_dispatch_at = case when not fate.lost then ${nextDispatch(tx, runAt, dispatch)} end,
          updated_at = clock_timestamp(), seq = t.seq + 1
        from fate
        where t.id = fate.id and (fate.lost or fate.free) and t.status = any (${leaves('release')}::text[])
        returning t.*
      ), ${tally(tx, 'moved', 1)}
      select ${columns(tx)}, t.watchers, ${watchedBatch(tx)}, ${dueIn(tx)} from moved t`;
    await tx`update tasks set has_dependents = false where id = any (${told}::uuid[])`;
    return { told: told.length, moved: [...moved] };
  });
  return released as { told: number; moved: Timed<Watched<Task>>[] };
}
