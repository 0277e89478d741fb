import { setTimeout as sleep } from 'node:timers/promises';
import type { Batch, Task } from '../tasks/task.ts';
import { batchFrame } from './batch-frame.ts';
import { membershipEndedFrame } from './membership-ended-frame.ts';
import { taskFrame } from './task-frame.ts';
import { throttleStates } from './throttle-states.ts';

/** Sends one frame; `gone` when the connection has been closed. */
export type PostFrame = (
  connectionId: string,
  frame: string,
  signal: AbortSignal,
) => Promise<'sent' | 'gone'>;

export type CloseConnection = (connectionId: string) => Promise<void>;

/** Longest that one frame may take; a slow gateway must not hold a worker. */
const POST_SECONDS = 3;

/** Longest that all frames of an invocation may take after its work is done. */
const FLUSH_SECONDS = 5;

/** Frames under way at once. */
const PARALLEL = 32;

/** Between two frames of one batch: a person still sees it move. */
const BATCH_INTERVAL_MS = 250;

type Watched<T> = T & { watchers: readonly string[] };
type WatchedBatch = Watched<Batch>;

export type Announcer = {
  /** Queues a frame for every watcher of the given rows, and of their batches, and returns at once. */
  announce: (tasks: readonly (Watched<Task> & { batch: WatchedBatch | null })[]) => void;
  /** The same for a batch alone. */
  announceBatch: (batch: WatchedBatch) => void;
  /** Queues a frame for connections that watch nothing of this organization any more, and returns at once. */
  membershipEnded: (connectionIds: readonly string[], organizationId: string) => void;
  /** Resolves when everything announced so far was sent or given up, after five seconds at the latest. Never rejects. */
  flush: () => Promise<void>;
};

/**
 * Tells watchers of changed rows, best effort and beside the work: frames to one connection keep their order, a
 * failure costs that connection the rest of the invocation's frames and nobody else anything, and a client that missed
 * one sees it by `seq` and reads the row. The counts of a batch change with every task: each sandbox sends four frames a second
 * of it at most, and always the last.
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
