import type { Transaction } from '../../../database/connect.ts';
import type { DispatchSettings } from '../../task.ts';
import { batchCountersSql } from './batch-counters.ts';
import { type Fragment, fromStatuses } from './columns.ts';
import { unfinishedSql, unsuccessfulSql } from './statuses.ts';

/**
 * Parts of a `with recursive`: `picked`, the tasks that a requeue moves, and the move itself. A task with dependencies is PENDING
 * again until they are COMPLETED. A task stays as it is when one of its dependencies has failed and this statement does not
 * requeue the dependency. The tasks that depend on it then stay too. With `on_failure` `run`, a task never stays for that reason,
 * and is PENDING until its dependencies have ended.
 *
 * @param candidates relation with the `id` of each selected task that has failed or is cancelled when the statement begins.
 *   Postgres checks constraints against the row at that moment, even when a newer version is locked
 * @param isFree     condition on a task `t`: its unique key is free. Tasks with a taken key stay as they are
 */
export const requeueSql = (
  tx: Transaction,
  {
    candidates,
    isFree,
    dispatch: { resendSeconds },
  }: { candidates: string; isFree: Fragment; dispatch: DispatchSettings },
) => tx`
  edges as materialized (
    -- One index look-up for each: the cost does not grow with the stored dependencies. COMPLETED is final, and needs no lock.
    select e.task_id, e.depends_on from ${tx(candidates)} c
    cross join lateral (
      select d.task_id, d.depends_on from task_dependencies d where d.task_id = c.id
    ) e
    where not exists (select from tasks p where p.id = e.depends_on and p.status = 'COMPLETED')
  ), locked as materialized (
    -- Also locks the tasks that they depend on, so that none of these ends before it is marked as waited for.
    select t.id, t.organization_id, t.created_by, t.batch_id, t.status, t.unique_key, t.has_dependents, t.on_failure
    from tasks t
    where t.id in (select c.id from ${tx(candidates)} c union select e.depends_on from edges e)
    order by t.id
    for update of t
  ), wanted as materialized (
    select t.id, t.organization_id, t.created_by, t.batch_id, t.status, t.on_failure from locked t
    where t.id in (select c.id from ${tx(candidates)} c) and t.status = any (${fromStatuses('requeue')}::text[]) and ${isFree}
  ), strict as materialized (
    select e.task_id, e.depends_on from edges e join locked t on t.id = e.task_id where t.on_failure = 'cancel'
  ), blocked as (
    select e.task_id as id from strict e join locked p on p.id = e.depends_on
    where p.status in ${unsuccessfulSql(tx)} and p.id not in (select w.id from wanted w)
    union
    select e.task_id from blocked b join strict e on e.depends_on = b.id
  ), free as materialized (
    select w.* from wanted w where w.id not in (select b.id from blocked b)
  ), picked as materialized (
    select f.id, f.organization_id, f.created_by, f.batch_id, f.status, f.id in (
      select e.task_id from edges e join locked p on p.id = e.depends_on
      where p.status in ${unfinishedSql(tx)} or p.id in (select o.id from free o)
    ) as waits
    from free f
  ), awaited as materialized (
    select distinct e.depends_on as id from edges e join picked p on p.id = e.task_id
  ), marked as (
    update tasks t set has_dependents = true
    from awaited a join locked l on l.id = a.id
    where t.id = a.id and l.status in ${unfinishedSql(tx)} and not l.has_dependents
  ), moved as (
    update tasks t
    set status = case when picked.waits then 'PENDING' else 'SCHEDULED' end, run_at = clock_timestamp(), cause = 'requeue',
      next_dispatch_at = case when not picked.waits then clock_timestamp() + ${resendSeconds} * interval '1 second' end,
      -- A dependent may wait since before: with on_failure run it was left waiting for others when this task ended.
      has_dependents = t.has_dependents or exists (select from task_dependencies d where d.depends_on = t.id),
      attempt_limit = t.attempt + 1 + t.max_retries, crashes = 0, dispatches = 0, started_at = null, finished_at = null,
      cancel_requested_at = null, progress = null, result = null, artifact = null, error = null,
      updated_at = clock_timestamp(), seq = t.seq + 1
    from picked where t.id = picked.id and t.status = any (${fromStatuses('requeue')}::text[])
    returning t.*
  ), ${batchCountersSql(tx, 'picked', -1)}`;
