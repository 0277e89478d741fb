import type { Transaction } from '../../database/connect.ts';
import type { DispatchSettings, Task, Watched } from '../task.ts';
import { batchCountersSql, unchangedBatchCountersSql, watchedBatchSql } from './fragments/batch-counters.ts';
import {
  type BulkMove,
  type BulkStep,
  bulkSelectionSql,
  pickedSql,
  type Selection,
  uniqueKeyIsFreeSql,
} from './fragments/bulk-selection.ts';
import {
  dueInSecondsSql,
  type Fragment,
  fromStatuses,
  nextDispatchSql,
  type Timed,
  taskColumnsSql,
} from './fragments/columns.ts';
import { type Capped, isCappedSql } from './fragments/lanes.ts';
import { requeueSql } from './fragments/requeue.ts';

/*
 * Changes that callers make to tasks: to one task, or to many by a filter. One statement moves the rows in `picked`; only the
 * choice of these rows differs.
 */

/** Cancels waiting tasks, and asks the workers of running tasks to stop them. */
const cancelSql = (tx: Transaction) => {
  const before = tx`t.status = any (${fromStatuses('cancel')}::text[])`;
  return tx`
    moved as (
      update tasks t
      set status = case when ${before} then 'CANCELLED' else t.status end,
        finished_at = case when ${before} then clock_timestamp() end,
        cancel_requested_at = coalesce(t.cancel_requested_at, clock_timestamp()),
        next_dispatch_at = null, held_by = null, updated_at = clock_timestamp(), seq = t.seq + 1
      from picked where t.id = picked.id and t.status = any (${[...fromStatuses('cancel'), ...fromStatuses('abort')]}::text[])
      returning t.*
    ), ${batchCountersSql(tx, 'moved', 1)}`;
};

/** Gives waiting tasks another time. A time in the past means now. */
const rescheduleSql = (tx: Transaction, scheduledTime: string, dispatch: DispatchSettings) => {
  const runAt = tx`greatest(${scheduledTime}::text::timestamptz, clock_timestamp())`;
  return tx`
    moved as (
      update tasks t
      set scheduled_time = ${scheduledTime}::text::timestamptz, run_at = ${runAt},
        next_dispatch_at = case when t.status = 'SCHEDULED' then ${nextDispatchSql(tx, runAt, dispatch)} end,
        held_by = null, dispatches = 0, updated_at = clock_timestamp(), seq = t.seq + 1
      from picked where t.id = picked.id and t.status = any (${fromStatuses('reschedule')}::text[])
      returning t.*
    ), ${unchangedBatchCountersSql(tx)}`;
};

type Changed = Capped<Timed<Watched<Task>>>;

/** `picked`: the task of this id, if it has one of these statuses. */
const pickedOneSql = (tx: Transaction, id: string, statuses: string[]) => tx`
  picked as (
    select t.id, t.batch_id, t.status from tasks t
    where t.id = ${id} and t.status = any (${statuses}::text[])
    for update of t
  )`;

/** Moves one task. */
async function moveOne(tx: Transaction, move: Fragment): Promise<Changed | undefined> {
  const [task] = await tx<Changed[]>`
    with recursive ${move}
    select ${taskColumnsSql(tx)}, t.watchers, ${watchedBatchSql(tx)}, ${dueInSecondsSql(tx)}, ${isCappedSql(tx)} as capped from moved t`;
  return task;
}

/** Result of one bulk statement. The rows come without payload and description. */
export type ChangedBulkStep = BulkStep & { rows: Changed[] };

/** Moves one step of the selected tasks. */
async function moveMany(
  tx: Transaction,
  {
    move,
    given,
    after,
    statement,
  }: { move: BulkMove; given: Selection; after: string | null; statement: Fragment },
): Promise<ChangedBulkStep> {
  const rows = await tx<(Changed & BulkStep)[]>`
    with recursive ${bulkSelectionSql(tx, { move, given, after })}, ${statement}
    select ${taskColumnsSql(tx, false)}, t.watchers, ${watchedBatchSql(tx)}, ${dueInSecondsSql(tx)}, ${isCappedSql(tx)} as capped, r.matched, r.stopping, r.id as reached
    from reached r left join moved t on true`;
  const [first] = rows;
  if (!first) throw new Error('The statement returned no row');
  const { matched, stopping, reached } = first;
  return { matched, stopping, reached, rows: rows.filter(({ id }) => id !== null) };
}

/**
 * Cancels a task: at once before its start; while it runs, by asking its worker to stop it. The returned status tells which of
 * the two happened.
 *
 * @returns undefined when the task is not visible, may not be written, or can no longer be cancelled
 */
export async function cancel(tx: Transaction, id: string): Promise<Changed | undefined> {
  const picked = pickedOneSql(tx, id, [...fromStatuses('cancel'), ...fromStatuses('abort')]);
  return moveOne(tx, tx`${picked}, ${cancelSql(tx)}`);
}

/** Cancels one step of the selected tasks. @param after the id that the step before reached */
export async function cancelMany(
  tx: Transaction,
  { given, after }: { given: Selection; after: string | null },
): Promise<ChangedBulkStep> {
  return moveMany(tx, {
    move: 'cancel',
    given,
    after,
    statement: tx`${pickedSql(tx, 'cancel')}, ${cancelSql(tx)}`,
  });
}

/**
 * Runs a failed or cancelled task again, now or once its dependencies are COMPLETED, with its initial number of attempts.
 *
 * @returns undefined, also when a dependency has failed; see `failedDependency`
 * @throws the database's error `23505` when another task has taken its unique key meanwhile
 */
export async function requeue(
  tx: Transaction,
  id: string,
  dispatch: DispatchSettings,
): Promise<Changed | undefined> {
  const meant = tx`
    meant as (
      select t.id from tasks t where t.id = ${id} and t.status = any (${fromStatuses('requeue')}::text[])
    )`;
  return moveOne(tx, tx`${meant}, ${requeueSql(tx, { candidates: 'meant', isFree: tx`true`, dispatch })}`);
}

/**
 * Runs one step of the selected tasks again. Tasks whose unique key is taken stay as they are. So do tasks that depend on a
 * failed task that does not run again with them.
 *
 * @throws the database's error `23505` when a key was taken at this very moment; nothing has been changed then
 */
export async function requeueMany(
  tx: Transaction,
  { given, after, dispatch }: { given: Selection; after: string | null; dispatch: DispatchSettings },
): Promise<ChangedBulkStep> {
  return moveMany(tx, {
    move: 'requeue',
    given,
    after,
    statement: requeueSql(tx, { candidates: 'chosen', isFree: uniqueKeyIsFreeSql(tx), dispatch }),
  });
}

/**
 * Gives another time to a waiting task. A time in the past means now.
 *
 * @param scheduledTime RFC 3339
 * @returns undefined when the task is not visible, may not be written, or has started
 */
export async function reschedule(
  tx: Transaction,
  { id, scheduledTime, dispatch }: { id: string; scheduledTime: string; dispatch: DispatchSettings },
): Promise<Changed | undefined> {
  const picked = pickedOneSql(tx, id, fromStatuses('reschedule'));
  return moveOne(tx, tx`${picked}, ${rescheduleSql(tx, scheduledTime, dispatch)}`);
}

/** Gives another time to one step of the selected tasks. */
export async function rescheduleMany(
  tx: Transaction,
  {
    given,
    after,
    scheduledTime,
    dispatch,
  }: { given: Selection; after: string | null; scheduledTime: string; dispatch: DispatchSettings },
): Promise<ChangedBulkStep> {
  const statement = tx`${pickedSql(tx, 'reschedule')}, ${rescheduleSql(tx, scheduledTime, dispatch)}`;
  return moveMany(tx, { move: 'reschedule', given, after, statement });
}

/** Counts one step without changing it. */
export async function countBulkStep(
  tx: Transaction,
  { move, given, after }: { move: BulkMove; given: Selection; after: string | null },
): Promise<BulkStep> {
  const [counted] = await tx<BulkStep[]>`
    with ${bulkSelectionSql(tx, { move, given, after })}
    select r.matched, r.stopping, r.id as reached from reached r`;
  if (!counted) throw new Error('The statement returned no row');
  return counted;
}
