import type { Transaction } from '../../database/connect.ts';
import type { DispatchSettings, Task, Watched } from '../task.ts';
import { columns, dueIn, leaves, nextDispatch, type Timed } from './columns.ts';
import { tally, watchedBatch } from './tally.ts';

/**
 * Cancels a task: at once before its start; while it runs, by asking its worker to stop it.
 * Which of the two it was, the returned status says.
 *
 * @returns undefined when the task is not visible, may not be written, or is past cancelling
 */
export async function cancel(tx: Transaction, id: string): Promise<Watched<Task> | undefined> {
  const before = tx`t.status = any (${leaves('cancel')}::text[])`;
  const [task] = await tx<Watched<Task>[]>`
    with moved as (
      update tasks t
      set status = case when ${before} then 'CANCELLED' else t.status end,
        finished_at = case when ${before} then clock_timestamp() end,
        cancel_requested_at = coalesce(t.cancel_requested_at, clock_timestamp()),
        next_dispatch_at = null, held_by = null, updated_at = clock_timestamp(), seq = t.seq + 1
      where t.id = ${id} and t.status = any (${[...leaves('cancel'), ...leaves('abort')]}::text[])
      returning t.*
    ), ${tally(tx, 'moved', 1)}
    select ${columns(tx)}, t.watchers, ${watchedBatch(tx)} from moved t`;
  return task;
}

/**
 * Runs a failed or cancelled task again, now, with as many attempts as it first had.
 *
 * @throws the database's error `23505` when its unique key has been taken by another task meanwhile
 */
export async function requeue(
  tx: Transaction,
  id: string,
  { resendSeconds }: DispatchSettings,
): Promise<Timed<Watched<Task>> | undefined> {
  const [task] = await tx<Timed<Watched<Task>>[]>`
    with ended as (
      select t.id, t.batch_id, t.status from tasks t
      where t.id = ${id} and t.status = any (${leaves('requeue')}::text[])
      for update of t
    ), moved as (
      update tasks t
      set status = 'SCHEDULED', run_at = clock_timestamp(), cause = 'requeue',
        next_dispatch_at = clock_timestamp() + ${resendSeconds} * interval '1 second',
        attempt_limit = t.attempt + 1 + t.max_retries, crashes = 0, dispatches = 0, started_at = null, finished_at = null,
        cancel_requested_at = null, progress = null, result = null, artifact = null, error = null,
        updated_at = clock_timestamp(), seq = t.seq + 1
      from ended where t.id = ended.id
      returning t.*
    ), ${tally(tx, 'ended', -1)}
    select ${columns(tx)}, t.watchers, ${watchedBatch(tx)}, ${dueIn(tx)} from moved t`;
  return task;
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
): Promise<Timed<Watched<Task>> | undefined> {
  const runAt = tx`greatest(${scheduledTime}::text::timestamptz, clock_timestamp())`;
  const [task] = await tx<Timed<Watched<Task>>[]>`
    update tasks t
    set scheduled_time = ${scheduledTime}::text::timestamptz, run_at = ${runAt},
      next_dispatch_at = case when t.status = 'SCHEDULED' then ${nextDispatch(tx, runAt, dispatch)} end,
      held_by = null, dispatches = 0, updated_at = clock_timestamp(), seq = t.seq + 1
    where t.id = ${id} and t.status = any (${leaves('reschedule')}::text[])
    returning ${columns(tx)}, t.watchers, null as batch, ${dueIn(tx)}`;
  return task;
}
