import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../database/connect.ts';
import { type Principal, sessionEnded } from '../database/enter.ts';
import { Refusal } from '../refusal.ts';
import { getTask, taskNotFound } from '../tasks/read.ts';
import type { PostFrame } from './frames.ts';
import * as store from './store.ts';
import { taskFrame } from './task-frame.ts';

export type SubscribeDeps = { db: Database; post: PostFrame };

/** A connection is not open yet while its `$connect` is being answered: pauses between the tries, in milliseconds. */
const OPENING_PAUSES = [0, 10, 20, 50, 100, 200, 400, 800, 1600];

const POST_SECONDS = 5;

/** Frames after the first that one subscription sends at most. */
const CATCH_UPS = 5;

/** What a connection is told that may not watch a task. */
const REFUSALS: Record<store.WatchRefusal, () => Refusal> = {
  session_ended: sessionEnded,
  task_not_found: taskNotFound,
  too_many_subscriptions: () =>
    new Refusal(
      'conflict',
      'too_many_subscriptions',
      `A connection may watch at most ${store.MAX_SUBSCRIPTIONS} tasks`,
    ),
  too_many_watchers: () =>
    new Refusal(
      'conflict',
      'too_many_watchers',
      'As many connections as may watch a task watch this one already',
    ),
};

/**
 * Sends a connection the task as it is, then every change.
 *
 * The snapshot goes out before the connection is made a watcher, so that no change can overtake it; what changed in
 * between follows at once.
 *
 * @throws Refusal `task_not_found`, `too_many_subscriptions`, `too_many_watchers`, `session_ended`
 */
export async function subscribe(deps: SubscribeDeps, connectionId: string, taskId: string): Promise<void> {
  const principal = await store.principalOf(deps.db, connectionId);
  if (!principal) throw sessionEnded();
  const snapshot = await getTask(deps, principal, taskId);
  if ((await post(deps, connectionId, taskFrame(snapshot))) === 'gone')
    return store.forget(deps.db, [connectionId]);
  const { refusal, seq } = await store.watch(deps.db, connectionId, taskId);
  if (refusal) throw REFUSALS[refusal]();
  if (seq > snapshot.seq) await catchUp(deps, principal, connectionId, { taskId, sent: snapshot.seq });
}

/**
 * Sends a watcher what it has missed. A frame of ours may arrive after a newer one from the function that changed the
 * task: while there is a newer state than the one last sent, that is sent, too, so that the last frame is the newest.
 */
async function catchUp(
  deps: SubscribeDeps,
  principal: Principal,
  connectionId: string,
  { taskId, sent }: { taskId: string; sent: number },
): Promise<void> {
  let newest = sent;
  for (let frames = 0; frames < CATCH_UPS; frames += 1) {
    const task = await getTask(deps, principal, taskId);
    if (task.seq === newest) return;
    newest = task.seq;
    if ((await post(deps, connectionId, taskFrame(task))) === 'gone')
      return store.forget(deps.db, [connectionId]);
  }
}

/** Ends the stream of one task. Not having watched it is no error. */
export async function unsubscribe(deps: SubscribeDeps, connectionId: string, taskId: string): Promise<void> {
  await store.unwatch(deps.db, connectionId, taskId);
}

/** Posts one frame, waiting for a connection that is only just being opened. */
export async function post(
  { post }: Pick<SubscribeDeps, 'post'>,
  connectionId: string,
  frame: string,
): Promise<'sent' | 'gone'> {
  for (const pause of OPENING_PAUSES) {
    await sleep(pause);
    if ((await post(connectionId, frame, AbortSignal.timeout(POST_SECONDS * 1000))) === 'sent') return 'sent';
  }
  return 'gone';
}
