import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../database/connect.ts';
import { type AttemptDeps, runAttempt } from './attempt.ts';
import type { Announce } from './change.ts';
import { LONGEST_LIMIT_SECONDS } from './define-task.ts';
import { heartbeat, type Running } from './lease.ts';
import { settler } from './settler.ts';
import * as store from './store.ts';
import type { DispatchSettings, Enqueue, Task, Watched } from './task.ts';
import { wakeUps } from './wake-ups.ts';

/** Tells integrators of tasks that have reached a terminal status; best effort. */
export type PublishFinished = (tasks: readonly Task[]) => Promise<void>;

export type ExecuteDeps = AttemptDeps & {
  db: Database;
  enqueue: Enqueue;
  dispatch: DispatchSettings;
  announce: Announce;
  publishFinished: PublishFinished;
  /** How long a worker may be silent before it is presumed dead. */
  leaseSeconds: number;
};

/** Between renewals at most; a running handler hears of a cancel within this time. */
const BEAT_SECONDS = 1.5;

/** Renewals that may fail before a lease runs out, e.g. while the database is away. */
const BEATS_PER_LEASE = 4;

/** A message may come this much before its task is due: SQS delays by whole seconds, rounded down. */
const SOON_SECONDS = 2;

/** Attempts that one invocation runs side by side. */
const AT_ONCE = 20;

/** Kept back of the invocation's time, so that the last attempt can be settled after its hard limit. */
const SETTLE_SECONDS = 20;

/**
 * After this many attempts the next message is left to the dispatcher: a worker that wakes itself in a chain is cut off
 * by Lambda's loop detection after about 16 messages.
 */
const LONGEST_CHAIN = 12;

/**
 * Runs whichever of the given tasks are due and not taken by anybody else. What cannot be claimed is none of this
 * worker's business any more: cancelled, done, or somebody else's.
 *
 * @param remainingSeconds of this invocation
 * @throws when the database cannot be reached; then the messages must come again
 */
export async function execute(
  deps: ExecuteDeps,
  ids: readonly string[],
  remainingSeconds: () => number,
): Promise<void> {
  const running = new Map<string, Running>();
  const { leaseSeconds } = deps;
  const beat = heartbeat(
    running,
    (attempts) => store.renew(deps.db, attempts, leaseSeconds),
    Math.min(BEAT_SECONDS, leaseSeconds / BEATS_PER_LEASE),
  );
  const settle = settler(
    (outcomes) => store.settle(deps.db, outcomes, deps.dispatch),
    (moved) => afterwards(deps, moved),
    remainingSeconds,
  );

  const run = async (task: Task, { interrupt }: Running) => {
    try {
      await settle(await runAttempt(deps, task, interrupt.signal));
    } finally {
      running.delete(task.id);
    }
  };

  const take = async (wanted: readonly string[]): Promise<void> => {
    const { claimed, soon } = await store.claim(deps.db, wanted, leaseSeconds, SOON_SECONDS);
    // All of them at once, so that the lease of those that wait for their turn is renewed too.
    const attempts = claimed.map((task) => {
      const attempt = { id: task.id, attempt: task.attempt, interrupt: new AbortController() };
      running.set(task.id, attempt);
      return { task, attempt };
    });
    deps.announce(claimed);
    // What has taken a worker down before must not take its neighbours along again.
    const [suspects, others] = partition(attempts, ({ task }) => task.crashes > 0);
    await allEnded([...others.map(({ task, attempt }) => run(task, attempt)), waitThenTake(soon)]);
    for (const { task, attempt } of suspects) await run(task, attempt);
  };

  const waitThenTake = async (soon: readonly { id: string; dueInSeconds: number }[]) => {
    if (soon.length === 0) return;
    const waitSeconds = Math.max(...soon.map((task) => task.dueInSeconds));
    await sleep(Math.ceil(waitSeconds * 1000));
    await take(soon.map((task) => task.id));
  };

  try {
    const waiting = [...new Set(ids)];
    while (waiting.length > 0) {
      if (remainingSeconds() < LONGEST_LIMIT_SECONDS + SETTLE_SECONDS) {
        await store.dispatchAgain(deps.db, waiting);
        return;
      }
      await take(waiting.splice(0, AT_ONCE));
    }
  } finally {
    beat.stop();
  }
}

/** What follows from settled rows: watchers hear, retries get their message, integrators their event. */
async function afterwards(deps: ExecuteDeps, moved: readonly store.Timed<Watched<Task>>[]): Promise<void> {
  deps.announce(moved);
  const soon = moved.filter(
    (task) => task.status === 'SCHEDULED' && task.dueInSeconds <= deps.dispatch.lookaheadSeconds,
  );
  const [chained, long] = partition(soon, (task) => task.attempt < LONGEST_CHAIN);
  const unsent = chained.length > 0 ? await deps.enqueue(wakeUps(chained)) : [];
  const left = [...unsent, ...long.map((task) => task.id)];
  if (left.length > 0) await store.dispatchAgain(deps.db, left);
  const finished = moved.filter((task) => task.status !== 'SCHEDULED');
  if (finished.length > 0) await deps.publishFinished(finished);
}

/** Waits for all, also when one of them fails: nothing may go on behind the end of an invocation. */
async function allEnded(work: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((end) => end.status === 'rejected');
  if (failed) throw failed.reason;
}

function partition<T>(items: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  return [items.filter(test), items.filter((item) => !test(item))];
}
