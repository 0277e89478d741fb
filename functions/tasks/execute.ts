import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../database/connect.ts';
import { type AftermathStatements, aftermath } from './aftermath.ts';
import { type AttemptDeps, runAttempt } from './attempt.ts';
import type { Announce } from './change.ts';
import { heartbeat, type Running } from './lease.ts';
import { settler } from './settler.ts';
import * as store from './store/index.ts';
import type { DispatchSettings, Enqueue, Task } from './task.ts';
import { waitingTasks } from './waiting.ts';

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
  /** The longest hard limit of all kinds: nothing is begun with less time left. */
  longestSeconds: number;
};

/** The statements that a worker runs. */
export type WorkStatements = Pick<typeof store, 'claim' | 'settle' | 'renew'> & AftermathStatements;

/** Between renewals at most; a running handler hears of a cancel within this time. */
const BEAT_SECONDS = 1.5;

/** Renewals that may fail before a lease runs out, e.g. while the database is away. */
const BEATS_PER_LEASE = 4;

/** A message may come this much before its task is due: SQS delays by whole seconds, rounded down. */
const SOON_SECONDS = 2;

/** Attempts that one invocation runs side by side. */
const AT_ONCE = 50;

/** Kept back of the invocation's time, so that the last attempt can be settled after its hard limit. */
const SETTLE_SECONDS = 20;

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
  statements: WorkStatements = store,
): Promise<void> {
  const { db, leaseSeconds } = deps;
  const after = aftermath(deps, statements);
  const settle = settler({
    write: (outcomes) => statements.settle(db, outcomes, deps.dispatch),
    onSettled: after.follow,
    onLost: ({ id, attempt }, error) =>
      deps.log('error', 'an outcome could not be stored', { id, attempt, error }),
    remainingSeconds,
  });
  const running = new Map<string, Running>();
  const beat = heartbeat(
    running,
    (attempts) => statements.renew(db, attempts, leaseSeconds),
    Math.min(BEAT_SECONDS, leaseSeconds / BEATS_PER_LEASE),
  );
  const timeLeft = () => remainingSeconds() >= deps.longestSeconds + SETTLE_SECONDS;
  const waiting = waitingTasks(ids);
  const suspects: string[] = [];
  const underWay = new Set<Promise<void>>();
  let failure: { error: unknown } | undefined;

  const run = async (task: Task): Promise<void> => {
    const interrupt = new AbortController();
    running.set(task.id, { id: task.id, attempt: task.attempt, interrupt });
    try {
      await settle(await runAttempt(deps, task, interrupt.signal));
    } catch (error) {
      // The database stayed away to the end. The others get their chance; the messages come again.
      failure ??= { error };
    } finally {
      running.delete(task.id);
    }
  };

  const begin = async (wanted: readonly string[], alone: boolean): Promise<void> => {
    const askedAt = performance.now();
    const { claimed, unclaimed } = await statements.claim(db, wanted, leaseSeconds, SOON_SECONDS, alone);
    // Who stood still for so long may be presumed dead by now, and what was claimed be cancelled or run elsewhere.
    const inTime = performance.now() - askedAt < leaseSeconds * 1000;
    deps.announce(claimed);
    for (const task of unclaimed) {
      if (task.suspect && !alone && task.dueInSeconds <= 0) suspects.push(task.id);
      else waiting.putBack(task);
    }
    for (const task of inTime ? claimed : []) {
      const attempt = run(task).then(() => void underWay.delete(attempt));
      underWay.add(attempt);
    }
  };

  /** Runs what is waiting, as slots become free and times come, until nothing waits and nothing runs. */
  const work = async (atOnce: number, alone: boolean): Promise<void> => {
    for (let next = waiting.nextIn(); next !== undefined || underWay.size > 0; next = waiting.nextIn()) {
      if (next === 0 && underWay.size < atOnce) {
        if (!timeLeft()) await statements.dispatchAgain(db, waiting.drain());
        else await begin(waiting.take(atOnce - underWay.size), alone);
        continue;
      }
      await someEnd(underWay, underWay.size < atOnce ? next : undefined);
    }
  };

  try {
    await work(AT_ONCE, false);
    // What has taken a worker down before is claimed alone, so that it cannot take others along.
    for (const id of suspects) {
      waiting.putBack({ id, dueInSeconds: 0, suspect: true });
      await work(1, true);
    }
  } finally {
    await Promise.all(underWay);
    beat.stop();
    await after.end();
  }
  if (failure) throw failure.error;
}

/** Waits until one of them has ended, or `milliseconds` are over. */
async function someEnd(
  underWay: ReadonlySet<Promise<void>>,
  milliseconds: number | undefined,
): Promise<void> {
  const timer = new AbortController();
  const { signal } = timer;
  const pause =
    milliseconds === undefined ? [] : [sleep(milliseconds, undefined, { signal }).catch(() => {})];
  await Promise.race([...underWay, ...pause]);
  timer.abort();
  // Attempts that settled together free their slots together.
  await new Promise(setImmediate);
}
