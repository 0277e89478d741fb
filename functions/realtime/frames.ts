import { setTimeout as sleep } from 'node:timers/promises';
import type { Batch, Task } from '../tasks/task.ts';
import { batchFrame } from './batch-frame.ts';
import { membershipEndedFrame } from './membership-ended-frame.ts';
import { taskFrame } from './task-frame.ts';
import { throttleStates } from './throttle-states.ts';

/** Sends one frame. Resolves to `gone` when the connection has been closed. */
export type PostFrame = (
  connectionId: string,
  frame: string,
  signal: AbortSignal,
) => Promise<'sent' | 'gone'>;

export type CloseConnection = (connectionId: string) => Promise<void>;

/** Maximum seconds for one frame: a slow gateway must not hold up a worker. */
const POST_SECONDS = 3;

/** Maximum seconds for all frames of an invocation after the end of its work. */
const FLUSH_SECONDS = 5;

/** Maximum frames under way at once. */
const PARALLEL = 32;

/** Milliseconds between two frames of one batch. Short enough to see the batch move. */
const BATCH_INTERVAL_MS = 250;

type Watched<T> = T & { watchers: readonly string[] };
type WatchedBatch = Watched<Batch>;

export type Announcer = {
  /** Queues a frame for every watcher of the given rows and of their batches, and returns immediately. */
  announce: (tasks: readonly (Watched<Task> & { batch: WatchedBatch | null })[]) => void;
  /** Queues a frame for every watcher of the batch, and returns immediately. */
  announceBatch: (batch: WatchedBatch) => void;
  /** Queues a frame for connections that no longer watch anything of this organization, and returns immediately. */
  membershipEnded: (connectionIds: readonly string[], organizationId: string) => void;
  /** Resolves when all announced frames were sent or given up, after five seconds at the latest. Never rejects. */
  flush: () => Promise<void>;
};

/**
 * Sends changed rows to their watchers, best effort and beside the work. Frames to one connection keep their order. After
 * a failure, this connection gets no more frames from the invocation; other connections are not affected. A client that
 * missed a frame notices the gap in `seq` and reads the row. The counts of a batch change with every task, so each
 * sandbox sends at most four frames per second for a batch, and always sends the last state.
 */
export function announcer(post: PostFrame, onFailure: (error: unknown) => void): Announcer {
  const sendQueues = new Map<string, Promise<void>>();
  const dropped = new Set<string>();
  const free: (() => void)[] = [];
  let busy = 0;

  const slot = async (): Promise<void> => {
    if (busy < PARALLEL) busy += 1;
    else await new Promise<void>((resolve) => free.push(resolve));
  };
  const release = (): void => {
    const next = free.shift();
    if (next) next();
    else busy -= 1;
  };
  const send = async (connectionId: string, frame: string): Promise<void> => {
    await slot();
    try {
      if (dropped.has(connectionId)) return;
      const answer = await post(connectionId, frame, AbortSignal.timeout(POST_SECONDS * 1000));
      if (answer === 'gone') dropped.add(connectionId);
    } catch (error) {
      dropped.add(connectionId);
      onFailure(error);
    } finally {
      release();
    }
  };

  const queue = (watchers: readonly string[], frame: string): void => {
    for (const watcher of watchers) {
      const sendQueue = (sendQueues.get(watcher) ?? Promise.resolve()).then(() => send(watcher, frame));
      sendQueues.set(watcher, sendQueue);
      void sendQueue.then(() => sendQueues.get(watcher) === sendQueue && sendQueues.delete(watcher));
    }
  };
  const batches = throttleStates<WatchedBatch>(
    (batch) => queue(batch.watchers, batchFrame(batch)),
    BATCH_INTERVAL_MS,
  );

  return {
    announce(tasks) {
      for (const task of tasks) {
        if (task.watchers.length > 0) queue(task.watchers, taskFrame(task));
        if (task.batch && task.batch.watchers.length > 0) batches.offer(task.batch);
      }
    },
    announceBatch: batches.offer,
    membershipEnded: (connectionIds, organizationId) =>
      queue(connectionIds, membershipEndedFrame(organizationId)),
    async flush() {
      batches.flush();
      if (sendQueues.size === 0) return dropped.clear();
      const timer = new AbortController();
      const drained = (async () => {
        while (sendQueues.size > 0) await Promise.all(sendQueues.values());
      })();
      const late = sleep(FLUSH_SECONDS * 1000, undefined, { signal: timer.signal }).catch(() => {});
      await Promise.race([drained, late]);
      timer.abort();
      for (const connectionId of sendQueues.keys()) dropped.add(connectionId);
      await drained;
      dropped.clear();
    },
  };
}
