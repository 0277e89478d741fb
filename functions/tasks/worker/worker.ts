import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../../database/connect.ts';
import { again } from '../../database/retry-on-connection-loss.ts';
import type { Announce } from '../commands/change.ts';
import type { Kind } from '../define-task.ts';
import * as store from '../store/index.ts';
import type { DispatchSettings, Enqueue, LogEntry, Task, Watched } from '../task.ts';
import { waitingTasks } from './claim-backlog.ts';
import { type AftermathStatements, aftermath } from './follow-ups.ts';
import { heartbeat, type Running } from './heartbeat.ts';
import { intake, NO_INTAKE, type Receive } from './intake.ts';
import { settler } from './outcome-batcher.ts';
import { reporter } from './progress-batcher.ts';
import { type AttemptDeps, runAttempt } from './run-attempt.ts';

export type ExecuteDeps = AttemptDeps & {
  db: Database;
  enqueue: Enqueue;
  dispatch: DispatchSettings;
  /** Told of rows that moved. */
  announce: Announce;
  /** Told of rows whose attempt has said something. */
  announceReports: Announce;
  /** How long a worker may be silent before it is presumed dead. */
  leaseSeconds: number;
  /** Of the queue that the invocation is for. Without it, the invocation works on what it was invoked with. */
  receive?: Receive;
};

/** The statements that a worker runs. */
export type WorkStatements = Pick<typeof store, 'claim' | 'settle' | 'renew' | 'report'> &
  AftermathStatements;

/** Between renewals at most; a running handler hears of a cancel within this time. */
const BEAT_SECONDS = 1.5;

/** Renewals that may fail before a lease runs out, e.g. while the database is away. */
const BEATS_PER_LEASE = 4;

/** A message may come this much before its task is due: SQS delays by whole seconds, rounded down. */
const SOON_SECONDS = 2;

/** Attempts that one invocation runs side by side, and beside them those that only wait for the network. */
const AT_ONCE = 100;
const WAITING_AT_ONCE = 100;

/** An invocation that ends sooner takes nothing in: most tasks wait for no one, and need no further request to SQS. */
const TAKES_IN_AFTER_MILLISECONDS = 50;

/**
 * An invocation takes nothing in when so little of its time is left: its last attempts must come to their end. At another time in each,
 * so that workers that began together do not close together.
 */
const CLOSES_SECONDS = { from: 120, to: 420 };

/** Kept back of the invocation's time, so that the last attempt can be settled after its hard limit. */
const SETTLE_SECONDS = 20;

/** Between two tries to claim what runners are free for, but somebody has locked. */
const PARKED_PAUSE_MILLISECONDS = 50;

/** When no runner has become free for so long, others may have one sooner. */
const LONGEST_PARKED_SECONDS = 30;

/**
 * Runs whichever of the given tasks are due and not taken by anybody else. What cannot be claimed is none of this
 * worker's business any more: cancelled, done, or somebody else's.
 *
 * Isolated attempts are only claimed when a runner is free, and none that might outlast the invocation: what there is no
 * time for, or no runner for long, or no place to wait, goes back unclaimed, to be sent to other workers.
 *
 * While all that it runs only waits for the network, the invocation receives further messages of its queue.
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
    write: async (outcomes) => withLogs(await statements.settle(db, outcomes, deps.dispatch), outcomes),
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
  const reports = reporter(async (said) =>
    deps.announceReports(withLogs(await statements.report(db, said), said)),
  );
  const kinds = [...deps.kinds.values()].map(known);
  const waiting = waitingTasks(ids);
  const suspects: string[] = [];
  const elsewhere: string[] = [];
  const underWay = new Set<Promise<void>>();
  const taken = deps.receive ? intake(deps.receive, deps.log) : NO_INTAKE;
  const opensAt = performance.now() + TAKES_IN_AFTER_MILLISECONDS;
  const closesSeconds = deps.receive
    ? CLOSES_SECONDS.from + Math.random() * (CLOSES_SECONDS.to - CLOSES_SECONDS.from)
    : Number.POSITIVE_INFINITY;
  let failure: { error: unknown } | undefined;
  /** When isolated attempts could last begin, and when those that are parked are next worth asking for. */
  let freeAt = performance.now();
  let unparkAt = 0;

  const run = async (task: Task): Promise<void> => {
    const interrupt = new AbortController();
    const waits = task.waitsForNetwork;
    running.set(task.id, { id: task.id, attempt: task.attempt, interrupt, waits });
    const reporting = reports.follow(task);
    try {
      const outcome = await runAttempt(deps, task, interrupt.signal, reporting.hear);
      await settle({ ...outcome, ...reporting.end() });
      taken.finished(task.id);
    } catch (error) {
      // The database stayed away to the end. The others get their chance; the messages come again.
      failure ??= { error };
    } finally {
      running.delete(task.id);
    }
  };

  const waitingNow = (): number => [...running.values()].filter(({ waits }) => waits).length;

  /** Leaves tasks to other workers. */
  const giveAway = async (given: readonly string[]): Promise<void> => {
    if (given.length > 0) await statements.dispatchAgain(db, given);
    for (const id of given) taken.finished(id);
  };

  const begin = async (wanted: readonly string[], seconds: number, alone: boolean): Promise<void> => {
    const room = { kinds, runners: deps.runners.free(), waiting: WAITING_AT_ONCE - waitingNow(), seconds };
    let askedAt = 0;
    // What a lost connection has claimed all the same comes back when its lease is over.
    const { claimed, unclaimed, vacated } = await again(() => {
      askedAt = performance.now();
      return statements.claim(db, wanted, leaseSeconds, SOON_SECONDS, alone, room);
    });
    // Who stood still for so long may be presumed dead by now, and what was claimed be cancelled or run elsewhere.
    const inTime = performance.now() - askedAt < leaseSeconds * 1000;
    deps.announce(claimed);
    after.fill(vacated);
    for (const task of unclaimed) {
      if (task.lacks === 'time' || task.lacks === 'waiting') elsewhere.push(task.id);
      else if (task.suspect && !alone && task.dueInSeconds <= 0) suspects.push(task.id);
      else if (task.lacks === 'runner' && task.dueInSeconds <= 0) waiting.park(task.id);
      else waiting.putBack(task);
    }
    const named = new Set([...claimed, ...unclaimed].map(({ id }) => id));
    for (const id of wanted) if (!named.has(id)) taken.finished(id);
    for (const task of inTime ? claimed : []) {
      const attempt = run(task).then(() => void underWay.delete(attempt));
      underWay.add(attempt);
    }
    // Somebody has locked those that the free runners were for.
    const isStuck = deps.runners.free() > 0 && deps.runners.free() === room.runners;
    unparkAt = isStuck ? performance.now() + PARKED_PAUSE_MILLISECONDS : 0;
    await giveAway(elsewhere.splice(0));
  };

  /** Lets those be claimed that wait for a runner, as many as there are free; gives them away when there is none for long. */
  const serveParked = async (): Promise<void> => {
    const now = performance.now();
    if (deps.runners.free() > 0) {
      freeAt = now;
      if (now >= unparkAt) waiting.unpark(deps.runners.free());
    } else if (waiting.parked() > 0 && now - freeAt > LONGEST_PARKED_SECONDS * 1000) {
      await giveAway(waiting.drainParked());
    }
  };

  /** Milliseconds until further messages may be received; undefined while they may not. */
  const opensIn = (): number | undefined => {
    if (!deps.receive || suspects.length > 0 || waiting.parked() > 0 || running.size === 0) return undefined;
    if (waitingNow() < running.size || remainingSeconds() < closesSeconds) return undefined;
    return Math.max(0, opensAt - performance.now());
  };

  /** Runs what is waiting, as slots become free and times come, until nothing waits and nothing runs. */
  const work = async (atOnce: number, alone: boolean): Promise<void> => {
    for (;;) {
      waiting.add(taken.take());
      await serveParked();
      const next = waiting.nextIn();
      if (next === undefined && waiting.parked() === 0 && underWay.size === 0 && !taken.underWay()) return;
      const places = atOnce - underWay.size + (alone ? 0 : waitingNow());
      if (next === 0 && places > 0) {
        const seconds = remainingSeconds() - SETTLE_SECONDS;
        if (seconds <= 0) await giveAway(waiting.drain());
        else await begin(waiting.take(places), seconds, alone);
        continue;
      }
      const opens = alone ? undefined : opensIn();
      if (opens === 0) taken.begin();
      const pauses = [
        ...(next !== undefined && places > 0 ? [next] : []),
        ...(opens !== undefined && opens > 0 ? [opens] : []),
        ...(waiting.parked() > 0 ? [deps.runners.free() > 0 ? PARKED_PAUSE_MILLISECONDS : 1_000] : []),
      ];
      const received = taken.underWay();
      const ends = [
        ...underWay,
        ...(received ? [received] : []),
        ...(waiting.parked() > 0 ? [deps.runners.released()] : []),
      ];
      await firstOf(ends, pauses.length > 0 ? Math.min(...pauses) : undefined);
    }
  };

  try {
    await work(AT_ONCE, false);
    // What has taken a worker down before is claimed alone, so that it cannot take others along.
    for (const id of suspects) {
      waiting.putBack({ id, dueInSeconds: 0 });
      await work(1, true);
    }
  } finally {
    await Promise.all(underWay);
    beat.stop();
    await reports.stop();
    await after.end();
    await taken.end();
  }
  if (failure) throw failure.error;
}

/** Rows with what was logged and written with them, for those who watch: the statement need not send it back. */
function withLogs<Row extends Watched<Task>>(
  rows: readonly Row[],
  told: readonly { id: string; logs?: readonly LogEntry[] }[],
): Row[] {
  const logs = new Map(told.map((each) => [each.id, each.logs]));
  return rows.map((row) => {
    const lines = logs.get(row.id);
    return lines ? { ...row, logs: lines } : row;
  });
}

/** A kind as the claim needs to know it. */
function known({ kind, hardSeconds, runs }: Kind): store.Room['kinds'][number] {
  if (runs === 'inline') return { kind, hardSeconds, isolatedWith: [] };
  return { kind, hardSeconds, isolatedWith: runs === 'isolated' ? null : runs.isolatedWith };
}

/** Waits until one of them has ended, or `milliseconds` are over. */
async function firstOf(ends: Iterable<Promise<void>>, milliseconds: number | undefined): Promise<void> {
  const timer = new AbortController();
  const { signal } = timer;
  const pause =
    milliseconds === undefined ? [] : [sleep(milliseconds, undefined, { signal }).catch(() => {})];
  await Promise.race([...ends, ...pause]);
  timer.abort();
  // Attempts that settled together free their slots together.
  await new Promise(setImmediate);
}
