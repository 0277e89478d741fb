import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../database/connect.ts';
import { asMember, type Principal, sessionEnded } from '../database/enter.ts';
import { Refusal } from '../refusal.ts';
import { getTask } from '../tasks/read.ts';
import type { PostFrame } from './frames.ts';
import * as store from './store.ts';
import { taskFrame } from './task-frame.ts';

export type SubscribeDeps = { db: Database; post: PostFrame };

/** A connection is not open yet while its `$connect` is being answered: pauses between the tries, in milliseconds. */
const OPENING_PAUSES = [0, 10, 20, 50, 100, 200, 400, 800, 1600];

const POST_SECONDS = 5;

/**
 * Sends a connection the task as it is, then every change.
 *
 * The snapshot goes out before the connection is made a watcher, so that no change can overtake it; what changed in
 * between follows at once.
 *
 * @throws Refusal `task_not_found`, `too_many_subscriptions`, `session_ended`
 */
export async function subscribe(deps: SubscribeDeps, connectionId: string, taskId: string): Promise<void> {
  const principal = await principalOf(deps, connectionId);
  const snapshot = await getTask(deps, principal, taskId);
  if ((await post(deps, connectionId, taskFrame(snapshot))) === 'gone')
    return store.forget(deps.db, [connectionId]);
  const seq = await asMember(deps.db, principal, async (tx) => {
    if ((await store.countSubscriptions(tx, connectionId)) >= store.MAX_SUBSCRIPTIONS) {
      throw new Refusal(
        'conflict',
        'too_many_subscriptions',
        `A connection may watch at most ${store.MAX_SUBSCRIPTIONS} tasks`,
      );
    }
    return store.watch(tx, connectionId, taskId);
  });
  if (seq !== undefined && seq > snapshot.seq) {
    await post(deps, connectionId, taskFrame(await getTask(deps, principal, taskId)));
  }
}

/** Ends the stream of one task. Not having watched it is no error. */
export async function unsubscribe(deps: SubscribeDeps, connectionId: string, taskId: string): Promise<void> {
  const principal = await principalOf(deps, connectionId);
  await asMember(deps.db, principal, (tx) => store.unwatchOne(tx, connectionId, taskId));
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

async function principalOf({ db }: SubscribeDeps, connectionId: string): Promise<Principal> {
  const principal = await store.principalOf(db, connectionId);
  if (!principal) throw sessionEnded();
  return principal;
}
