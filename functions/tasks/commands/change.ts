import { asMember, membershipIn, type Principal } from '../../database/enter.ts';
import { roleInsufficient } from '../../organizations/rights.ts';
import { Refusal, type RefusalCode } from '../../refusal.ts';
import { taskNotFound } from '../queries/tasks.ts';
import * as store from '../store/index.ts';
import { MOVES, type Task, type TaskStatus, type Watched } from '../task.ts';
import {
  type CreateDeps,
  dependencyFailed,
  tooManyPending,
  uniqueKeyTaken,
  violated,
  wake,
} from './create.ts';
import { fillLanes } from './fill-lanes.ts';

/** Called with the changed rows. Best effort; callers do not wait for it. */
export type Announce = (tasks: readonly Watched<Task>[]) => void;

export type ChangeDeps = CreateDeps & { announce: Announce };

/**
 * Cancels a task. The returned status tells the outcome: CANCELLED is final, and the task never runs. RUNNING means that its
 * worker was asked to stop the task.
 *
 * @throws Refusal `task_not_found`, `role_insufficient`, `task_not_cancellable`
 */
export async function cancelTask(deps: ChangeDeps, principal: Principal, id: string): Promise<Task> {
  const task = await asMember(deps.db, principal, async (tx) => {
    const cancelled = await store.cancel(tx, id);
    return (
      cancelled ??
      (await refuse(tx, id, {
        code: 'task_not_cancellable',
        message: 'Task cannot be cancelled in its current state',
      }))
    );
  });
  // The next tick of the dispatcher also cancels the tasks that depend on this one.
  deps.announce([task]);
  // The task may have had a place in a lane. A running task keeps its place until it has stopped.
  if (task.status === 'CANCELLED') await fillLanes(deps, principal, store.lanesOf(task));
  return task;
}

/**
 * Runs a failed or cancelled task again, with fresh attempts: at once, or as soon as all its dependencies are COMPLETED.
 *
 * @throws Refusal `task_not_found`, `role_insufficient`, `task_not_retryable`, `unique_key_taken`, `too_many_pending`;
 *   `dependency_failed` while a dependency has failed or is cancelled
 */
export async function retryTask(deps: ChangeDeps, principal: Principal, id: string): Promise<Task> {
  const task = await asMember(deps.db, principal, async (tx) => {
    const full = await store.fullBoundOf(tx, id);
    if (full) throw tooManyPending(full);
    const requeued = await store.requeue(tx, id, deps.dispatch);
    if (requeued) return requeued;
    const task = await writable(tx, id);
    const failed = isRetryable(task) ? await store.failedDependency(tx, id) : undefined;
    if (failed) throw dependencyFailed(failed.id, failed.status);
    throw new Refusal('conflict', 'task_not_retryable', 'Task cannot be retried', {
      task_status: task.status,
    });
  }).catch(async (error: unknown) => {
    // Another task has taken the unique key of this task meanwhile.
    throw violated(error) === 'tasks_unique_key' ? await uniqueKeyTakenOf(deps, principal, id) : error;
  });
  deps.announce([task]);
  await wake(deps, principal, [task]);
  return task;
}

/**
 * Gives another time to a task that has not started. A time in the past means now.
 *
 * @param scheduledTime RFC 3339
 * @throws Refusal `task_not_found`, `role_insufficient`, `task_not_reschedulable`
 */
export async function rescheduleTask(
  deps: ChangeDeps,
  principal: Principal,
  { id, scheduledTime }: { id: string; scheduledTime: string },
): Promise<Task> {
  const task = await asMember(deps.db, principal, async (tx) => {
    const rescheduled = await store.reschedule(tx, { id, scheduledTime, dispatch: deps.dispatch });
    const refusal = { code: 'task_not_reschedulable', message: 'Task has started, or has ended' } as const;
    return rescheduled ?? (await refuse(tx, id, refusal));
  });
  deps.announce([task]);
  await wake(deps, principal, [task]);
  await fillLanes(deps, principal, store.lanesOf(task));
  return task;
}

/** Returns the refusal that names the live task with the unique key of this task. */
async function uniqueKeyTakenOf({ db }: ChangeDeps, principal: Principal, id: string): Promise<Refusal> {
  return asMember(db, principal, async (tx) => {
    const { organizationId, uniqueKey } = (await store.find(tx, id)) ?? taskNotFound();
    return uniqueKeyTaken(
      await store.uniqueKeyHolders(tx, organizationId, uniqueKey === null ? [] : [uniqueKey]),
    );
  });
}

/** Throws the reason for which a guarded change found no row. */
async function refuse(
  tx: Parameters<typeof store.find>[0],
  id: string,
  { code, message }: { code: RefusalCode<'conflict'>; message: string },
): Promise<never> {
  const { status } = await writable(tx, id);
  throw new Refusal('conflict', code, message, { task_status: status });
}

const isRetryable = ({ status }: Task) => (MOVES.requeue.from as readonly TaskStatus[]).includes(status);

/** @throws Refusal `task_not_found`, `role_insufficient` */
async function writable(tx: Parameters<typeof store.find>[0], id: string): Promise<Task> {
  const task = (await store.find(tx, id)) ?? taskNotFound();
  const { role } = await membershipIn(tx, task.organizationId);
  if (role === 'viewer') throw roleInsufficient(role);
  return task;
}
