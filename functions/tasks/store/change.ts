import type { Transaction } from '../../database/connect.ts';
import type { DispatchSettings, Task, Watched } from '../task.ts';
import { columns, dueIn, type Fragment, leaves, nextDispatch, type Timed } from './columns.ts';
import { type BulkMove, picked, type Reached, type Selection, stretch } from './stretch.ts';
import { tally, untallied, watchedBatch } from './tally.ts';

/*
 * What people do to tasks: to one, or to many by a filter. Either way the same statement moves what is `picked`; only who
 * is picked differs.
 */

/** Cancels what waits, and asks the workers of what runs to stop it. */
const cancellation = (tx: Transaction) => {
  const before = tx`t.status = any (${leaves('cancel')}::text[])`;
  return tx`
    moved as (
      update tasks t
      set status = case when ${before} then 'CANCELLED' else t.status end,
        finished_at = case when ${before} then clock_timestamp() end,
        cancel_requested_at = coalesce(t.cancel_requested_at, clock_timestamp()),
        next_dispatch_at = null, held_by = null, updated_at = clock_timestamp(), seq = t.seq + 1
      from picked where t.id = picked.id and t.status = any (${[...leaves('cancel'), ...leaves('abort')]}::text[])
      returning t.*
    ), ${tally(tx, 'moved', 1)}`;
};

/** Runs what has failed or was cancelled again, now, with as many attempts as it first had. */
const requeueing = (tx: Transaction, { resendSeconds }: DispatchSettings) => tx`
  moved as (
    update tasks t
    set status = 'SCHEDULED', run_at = clock_timestamp(), cause = 'requeue',
      next_dispatch_at = clock_timestamp() + ${resendSeconds} * interval '1 second',
      attempt_limit = t.attempt + 1 + t.max_retries, crashes = 0, dispatches = 0, started_at = null, finished_at = null,
      cancel_requested_at = null, progress = null, result = null, artifact = null, error = null,
      updated_at = clock_timestamp(), seq = t.seq + 1
    from picked where t.id = picked.id and t.status = any (${leaves('requeue')}::text[])
    returning t.*
  ), ${tally(tx, 'picked', -1)}`;

/** Gives what waits another time; one in the past means now. */
const rescheduling = (tx: Transaction, scheduledTime: string, dispatch: DispatchSettings) => {
  const runAt = tx`greatest(${scheduledTime}::text::timestamptz, clock_timestamp())`;
  return tx`
    moved as (
      update tasks t
      set scheduled_time = ${scheduledTime}::text::timestamptz, run_at = ${runAt},
        next_dispatch_at = case when t.status = 'SCHEDULED' then ${nextDispatch(tx, runAt, dispatch)} end,
        held_by = null, dispatches = 0, updated_at = clock_timestamp(), seq = t.seq + 1
      from picked where t.id = picked.id and t.status = any (${leaves('reschedule')}::text[])
      returning t.*
    ), ${untallied(tx)}`;
};

type Changed = Timed<Watched<Task>>;

/** Moves one task. */
async function one(
  tx: Transaction,
  id: string,
  statuses: string[],
  move: Fragment,
): Promise<Changed | undefined> {
  const [task] = await tx<Changed[]>`
    with picked as (
      select t.id, t.batch_id, t.status from tasks t
      where t.id = ${id} and t.status = any (${statuses}::text[])
      for update of t
    ), ${move}
    select ${columns(tx)}, t.watchers, ${watchedBatch(tx)}, ${dueIn(tx)} from moved t`;
  return task;
}

/** What a statement has changed. The rows come without payload and description. */
export type ChangedStretch = Reached & { rows: Changed[] };

/** Moves a stretch of the tasks that are meant. */
async function many(
  tx: Transaction,
  move: BulkMove,
  given: Selection,
  after: string | null,
  statement: Fragment,
): Promise<ChangedStretch> {
  const rows = await tx<(Changed & Reached)[]>`
    with ${stretch(tx, move, given, after)}, ${picked(tx, move)}, ${statement}
    select ${columns(tx, false)}, t.watchers, ${watchedBatch(tx)}, ${dueIn(tx)}, r.matched, r.id as reached
    from reached r left join moved t on true`;
  const [first] = rows;
  if (!first) throw new Error('A statement that always answers did not');
  const { matched, reached } = first;
  return { matched, reached, rows: rows.filter(({ id }) => id !== null) };
}

/**
 * Cancels a task: at once before its start; while it runs, by asking its worker to stop it.
 * Which of the two it was, the returned status says.
 *
 * @returns undefined when the task is not visible, may not be written, or is past cancelling
 */
export async function cancel(tx: Transaction, id: string): Promise<Watched<Task> | undefined> {
  return one(tx, id, [...leaves('cancel'), ...leaves('abort')], cancellation(tx));
}

/** Cancels a stretch of the tasks that are meant. @param after where the stretch before has come to */
export async function cancelMany(
  tx: Transaction,
  given: Selection,
  after: string | null,
): Promise<ChangedStretch> {
  return many(tx, 'cancel', given, after, cancellation(tx));
}

/**
 * Runs a failed or cancelled task again, now, with as many attempts as it first had.
 *
 * @throws the database's error `23505` when its unique key has been taken by another task meanwhile
 */
export async function requeue(
  tx: Transaction,
  id: string,
  dispatch: DispatchSettings,
): Promise<Changed | undefined> {
  return one(tx, id, leaves('requeue'), requeueing(tx, dispatch));
}

/**
 * Runs a stretch of the tasks that are meant again. Those whose unique key is taken stay as they are.
 *
 * @throws the database's error `23505` when a key was taken at this very moment; nothing has been changed then
 */
export async function requeueMany(
  tx: Transaction,
  given: Selection,
  after: string | null,
  dispatch: DispatchSettings,
): Promise<ChangedStretch> {
  return many(tx, 'requeue', given, after, requeueing(tx, dispatch));
}

/**
 * Gives a task that waits another time; one in the past means now.
 *
 * @param scheduledTime RFC 3339
 * @returns undefined when the task is not visible, may not be written, or has started
 */
export async function reschedule(
  tx: Transaction,
  id: string,
  scheduledTime: string,
  dispatch: DispatchSettings,
): Promise<Changed | undefined> {
  return one(tx, id, leaves('reschedule'), rescheduling(tx, scheduledTime, dispatch));
}

/** Gives a stretch of the tasks that are meant another time. */
export async function rescheduleMany(
  tx: Transaction,
  given: Selection,
  after: string | null,
  scheduledTime: string,
  dispatch: DispatchSettings,
): Promise<ChangedStretch> {
  return many(tx, 'reschedule', given, after, rescheduling(tx, scheduledTime, dispatch));
}
