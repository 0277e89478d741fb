import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../database/connect.ts';
import { type Principal, sessionEnded } from '../database/enter.ts';
import { Refusal } from '../refusal.ts';
import { batchNotFound, getBatch } from '../tasks/queries/batches.ts';
import { getTask, taskNotFound } from '../tasks/queries/tasks.ts';
import { batchFrame } from './batch-frame.ts';
import type { PostFrame } from './frames.ts';
import * as store from './store.ts';
import { taskFrame } from './task-frame.ts';

export type SubscribeDeps = { db: Database; post: PostFrame };

/** Pauses between tries in milliseconds. A connection is not open while its `$connect` is being answered. */
const OPENING_PAUSES = [0, 10, 20, 50, 100, 200, 400, 800, 1600];

const POST_SECONDS = 5;

/** Maximum frames after the first that one subscription sends. */
const CATCH_UPS = 5;

/** Refusals for connections that may not watch. */
const REFUSALS: Record<store.WatchRefusal, () => Refusal> = {
  session_ended: sessionEnded,
  task_not_found: taskNotFound,
  batch_not_found: batchNotFound,
  too_many_subscriptions: () =>
    new Refusal(
      'conflict',
      'too_many_subscriptions',
      `A connection may watch at most ${store.MAX_SUBSCRIPTIONS} tasks, and as many batches`,
    ),
  too_many_watchers: () =>
    new Refusal('conflict', 'too_many_watchers', 'The maximum number of connections watches this already'),
};

/** A task or batch to watch. */
export type Subject = { task: string } | { batch: string };

/** Reads and watches a task or a batch. */
type Feed = {
  /** Reads the subject with the principal's rights, and makes its frame. */
  read: () => Promise<{ seq: number; frame: string }>;
  watch: () => ReturnType<typeof store.watch>;
};

function feedOf(
  { db }: SubscribeDeps,
  { connectionId, subject, principal }: { connectionId: string; subject: Subject; principal: Principal },
): Feed {
  if ('task' in subject) {
    return {
      read: async () => {
        const task = await getTask({ db }, principal, { id: subject.task });
        return { seq: task.seq, frame: taskFrame(task) };
      },
      watch: () => store.watch(db, connectionId, subject.task),
    };
  }
  return {
    read: async () => {
      const batch = await getBatch({ db }, principal, subject.batch);
      return { seq: batch.seq, frame: batchFrame(batch) };
    },
    watch: () => store.watchBatch(db, connectionId, subject.batch),
  };
}

/**
 * Sends a connection the current state of a task or batch, and then every change.
 *
 * The snapshot is sent before the connection becomes a watcher, so that no change can overtake the snapshot. Changes
 * between the two follow immediately.
 *
 * @throws Refusal `task_not_found`, `batch_not_found`, `too_many_subscriptions`, `too_many_watchers`, `session_ended`
 */
export async function subscribe(deps: SubscribeDeps, connectionId: string, subject: Subject): Promise<void> {
  const principal = await store.principalOf(deps.db, connectionId);
  if (!principal) throw sessionEnded();
  const feed = feedOf(deps, { connectionId, subject, principal });
  const snapshot = await feed.read();
  if ((await post(deps, connectionId, snapshot.frame)) === 'gone')
    return store.forget(deps.db, [connectionId]);
  const { refusal, seq } = await feed.watch();
  if (refusal) throw REFUSALS[refusal]();
  if (seq > snapshot.seq) await catchUp(deps, { connectionId, feed, sent: snapshot.seq });
}

/**
 * Sends a watcher the states that it has missed. A frame of this function may arrive after a newer frame from the
 * function that changed the row. So this function also sends every newer state of the row, and the last frame is the
 * newest.
 */
async function catchUp(
  deps: SubscribeDeps,
  { connectionId, feed, sent }: { connectionId: string; feed: Feed; sent: number },
): Promise<void> {
  let newest = sent;
  for (let frames = 0; frames < CATCH_UPS; frames += 1) {
    const { seq, frame } = await feed.read();
    if (seq === newest) return;
    newest = seq;
    if ((await post(deps, connectionId, frame)) === 'gone') return store.forget(deps.db, [connectionId]);
  }
}

/** Stops watching one task or batch. It is no error if the connection did not watch it. */
export async function unsubscribe(
  { db }: SubscribeDeps,
  connectionId: string,
  subject: Subject,
): Promise<void> {
  if ('task' in subject) await store.unwatch(db, connectionId, subject.task);
  else await store.unwatchBatch(db, connectionId, subject.batch);
}

/** Posts one frame of an answer. */
export function post(
  { post }: Pick<SubscribeDeps, 'post'>,
  connectionId: string,
  frame: string,
): Promise<'sent' | 'gone'> {
  return post(connectionId, frame, AbortSignal.timeout(POST_SECONDS * 1000));
}

/**
 * Posts like `postFrame`, and waits for a connection that is still being opened. Use it only for the first frame: with
 * it, answering messages of closed connections would take seconds each.
 */
export function postWhenOpen(postFrame: PostFrame): PostFrame {
  return async (connectionId, frame, signal) => {
    for (const pause of OPENING_PAUSES) {
      await sleep(pause);
      if ((await postFrame(connectionId, frame, signal)) === 'sent') return 'sent';
    }
    return 'gone';
  };
}
