import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../../database/connect.ts';
import { retryOnConnectionLoss } from '../../database/retry-on-connection-loss.ts';
import type { Announce } from '../commands/change.ts';
import type { Kind } from '../define-task.ts';
import * as store from '../store/index.ts';
import type { DispatchSettings, Enqueue, LogEntry, Task, Watched } from '../task.ts';
import { claimBacklog } from './claim-backlog.ts';
import { type FollowUpStatements, followUps } from './follow-ups.ts';
import { heartbeat } from './heartbeat.ts';
import { intake, intakeWindow, NO_INTAKE, type Receive } from './intake.ts';
import { outcomeBatcher } from './outcome-batcher.ts';
import { ParkedTasks } from './parked-tasks.ts';
import { progressBatcher } from './progress-batcher.ts';
import { type AttemptDeps, runAttempt } from './run-attempt.ts';
import { RunningAttempts } from './running-attempts.ts';

export type ExecuteDeps = AttemptDeps & {
  db: Database;
  enqueue: Enqueue;
  dispatch: DispatchSettings;
  /** Called with rows that moved. */
  announce: Announce;
  /** Called with rows whose attempt has reported progress or logs. */
  announceReports: Announce;
  /** Seconds without a renewal after which a worker is presumed dead. */
  leaseSeconds: number;
  /** Receives further messages of the invocation's queue. Without it, the invocation receives none. */
  receive?: Receive;
};

/** The statements that a worker runs. */
export type WorkStatements = Pick<typeof store, 'claim' | 'settle' | 'renew' | 'report'> & FollowUpStatements;

export type ExecuteOptions = {
  /** Remaining seconds of this invocation. */
  remainingSeconds: () => number;
  statements?: WorkStatements;
};

/** Longest time between two renewals of leases. A running handler notices a cancel within this time. */
const BEAT_SECONDS = 1.5;

/** Renewals that may fail before a lease runs out, e.g. while the database is away. */
const BEATS_PER_LEASE = 4;

/** A message may come so many seconds before its task is due, because SQS delays by whole seconds, rounded down. */
const SOON_SECONDS = 2;

/** Seconds of the invocation that are reserved for settling the last attempt after its hard limit. */
const SETTLE_SECONDS = 20;

/**
 * Runs the given tasks that are due and that no other worker has. A task that cannot be claimed was cancelled, is done, or
 * belongs to another worker. This worker ignores it.
 *
 * An isolated task is claimed only when a runner is free, and only when it cannot outlast the invocation. A task goes back
 * unclaimed, for other workers, when there is no time for it, no network place, or no runner for long.
 *
 * While all attempts only wait for the network, the invocation receives further messages of its queue.
 *
 * @throws when the database cannot be reached; then the messages must come again
 */
export async function execute(
  deps: ExecuteDeps,
  ids: readonly string[],
  { remainingSeconds, statements = store }: ExecuteOptions,
): Promise<void> {
  await new Invocation(deps, remainingSeconds, statements).run(ids);
}

/** One invocation of the worker: claims tasks from its backlog and runs them, until nothing waits and nothing runs. */
class Invocation {
  readonly #deps: ExecuteDeps;
  readonly #remainingSeconds: () => number;
  readonly #statements: WorkStatements;
  readonly #kinds: store.WorkerCapacity['kinds'];
  readonly #backlog = claimBacklog();
  readonly #parked: ParkedTasks;
  readonly #intake;
  readonly #intakeWindow;
  readonly #followUps;
  readonly #progress;
  readonly #attempts: RunningAttempts;
  readonly #heartbeat: { stop: () => void };
  /** Tasks that have taken a worker down before. Each is claimed alone, so that it cannot take others down too. */
  readonly #suspects: string[] = [];

  constructor(deps: ExecuteDeps, remainingSeconds: () => number, statements: WorkStatements) {
    const { db, leaseSeconds, dispatch } = deps;
    this.#deps = deps;
    this.#remainingSeconds = remainingSeconds;
    this.#statements = statements;
    this.#kinds = [...deps.kinds.values()].map(claimableKind);
    this.#parked = new ParkedTasks(deps.runners);
    this.#intake = deps.receive ? intake(deps.receive, deps.log) : NO_INTAKE;
    this.#intakeWindow = deps.receive && intakeWindow(remainingSeconds);
    this.#followUps = followUps(deps, statements);
    this.#progress = progressBatcher(async (reports) =>
      deps.announceReports(withLogs(await statements.report(db, reports), reports)),
    );
    const settle = outcomeBatcher({
      write: async (outcomes) => withLogs(await statements.settle(db, outcomes, dispatch), outcomes),
      onSettled: this.#followUps.afterSettle,
      onLost: ({ id, attempt }, error) =>
        deps.log('error', 'an outcome could not be stored', { id, attempt, error }),
      remainingSeconds,
    });
    this.#attempts = new RunningAttempts(async (task, interrupt) => {
      const output = this.#progress.start(task);
      const outcome = await runAttempt(deps, task, { interrupt, onOutput: output.add });
      await settle({ ...outcome, ...output.end() });
      this.#intake.finished(task.id);
    });
    this.#heartbeat = heartbeat(
      this.#attempts.byId,
      (running) => statements.renew(db, running, leaseSeconds),
      Math.min(BEAT_SECONDS, leaseSeconds / BEATS_PER_LEASE),
    );
  }

  async run(ids: readonly string[]): Promise<void> {
    this.#backlog.add(ids);
    try {
      await this.#work({ alone: false });
      for (const id of this.#suspects) {
        this.#backlog.add([id]);
        await this.#work({ alone: true });
      }
    } finally {
      await this.#attempts.allEnded();
      this.#heartbeat.stop();
      await this.#progress.stop();
      await this.#followUps.end();
      await this.#intake.end();
    }
    this.#attempts.throwFailure();
  }

  /** Claims tasks of the backlog as places become free and tasks become due, until nothing waits and nothing runs. */
  async #work({ alone }: { alone: boolean }): Promise<void> {
    for (;;) {
      this.#backlog.add(this.#intake.take());
      this.#backlog.add(this.#parked.takeClaimable());
      await this.#giveAway(this.#parked.takeOverdue());
      const claimableIn = this.#backlog.nextIn();
      if (claimableIn === undefined && this.#isIdle()) return;
      const places = this.#attempts.freePlaces(alone);
      if (claimableIn === 0 && places > 0) await this.#claim(places, alone);
      else await this.#wait({ claimableIn: places > 0 ? claimableIn : undefined, alone });
    }
  }

  #isIdle(): boolean {
    return this.#parked.size === 0 && this.#attempts.size === 0 && !this.#intake.underWay();
  }

  /** Claims tasks and starts them; sorts out the tasks that could not be claimed. */
  async #claim(places: number, alone: boolean): Promise<void> {
    const seconds = this.#remainingSeconds() - SETTLE_SECONDS;
    if (seconds <= 0) return this.#giveAway([...this.#backlog.drain(), ...this.#parked.takeAll()]);
    const { db, leaseSeconds, runners, announce } = this.#deps;
    const ids = this.#backlog.take(places);
    const free = runners.free();
    const capacity = {
      kinds: this.#kinds,
      runners: free,
      networkPlaces: this.#attempts.freeNetworkPlaces,
      seconds,
    };
    let askedAt = 0;
    // A lost connection may still have claimed tasks. These come back when their lease expires.
    const { claimed, unclaimed, vacated } = await retryOnConnectionLoss(() => {
      askedAt = performance.now();
      return this.#statements.claim(db, { ids, leaseSeconds, soonSeconds: SOON_SECONDS, alone, capacity });
    });
    // If claiming took longer than the lease, another worker may own these tasks. Do not start them.
    const isInTime = performance.now() - askedAt < leaseSeconds * 1000;
    announce(claimed);
    this.#followUps.fill(vacated);
    const forOthers = this.#sortOut(unclaimed, alone);
    const known = new Set([...claimed, ...unclaimed].map(({ id }) => id));
    for (const id of ids) if (!known.has(id)) this.#intake.finished(id);
    if (isInTime) for (const task of claimed) this.#attempts.start(task);
    this.#parked.claimEnded(free);
    await this.#giveAway(forOthers);
  }

  /** Decides when to claim unclaimed tasks again. @returns the tasks that other workers should run */
  #sortOut(unclaimed: readonly store.Unclaimed[], alone: boolean): string[] {
    const forOthers: string[] = [];
    for (const task of unclaimed) {
      const isDue = task.dueInSeconds <= 0;
      if (task.missing === 'time' || task.missing === 'waiting') forOthers.push(task.id);
      else if (task.suspect && !alone && isDue) this.#suspects.push(task.id);
      else if (task.missing === 'runner' && isDue) this.#parked.add(task.id);
      else this.#backlog.putBack(task);
    }
    return forOthers;
  }

  /** Leaves tasks to other workers. */
  async #giveAway(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    await this.#statements.dispatchAgain(this.#deps.db, ids);
    for (const id of ids) this.#intake.finished(id);
  }

  /** Waits until a place, a runner or a message may be there, or until a task of the backlog can be claimed. */
  async #wait({ claimableIn, alone }: { claimableIn: number | undefined; alone: boolean }): Promise<void> {
    const intakeIn = alone ? undefined : this.#intakeOpensIn();
    if (intakeIn === 0) this.#intake.begin();
    const pauses = [claimableIn, intakeIn || undefined, this.#parked.nextLookIn()];
    const received = this.#intake.underWay();
    await firstOf(
      [
        ...this.#attempts.ends,
        ...(received ? [received] : []),
        ...(this.#parked.size > 0 ? [this.#deps.runners.released()] : []),
      ],
      pauses.filter((pause) => pause !== undefined),
    );
  }

  /** Milliseconds until further messages may be received; undefined while they may not be. */
  #intakeOpensIn(): number | undefined {
    if (this.#suspects.length > 0 || this.#parked.size > 0) return undefined;
    return this.#attempts.onlyWaitForNetwork ? this.#intakeWindow?.opensIn() : undefined;
  }
}

/** Adds the written logs to their rows, for watchers, so that the statement need not return them. */
function withLogs<Row extends Watched<Task>>(
  rows: readonly Row[],
  written: readonly { id: string; logs?: readonly LogEntry[] }[],
): Row[] {
  const logs = new Map(written.map((each) => [each.id, each.logs]));
  return rows.map((row) => {
    const lines = logs.get(row.id);
    return lines ? { ...row, logs: lines } : row;
  });
}

/** Returns the fields of a kind that the claim needs. */
function claimableKind({ kind, hardSeconds, runs }: Kind): store.WorkerCapacity['kinds'][number] {
  if (runs === 'inline') return { kind, hardSeconds, isolatedWith: [] };
  return { kind, hardSeconds, isolatedWith: runs === 'isolated' ? null : runs.isolatedWith };
}

/** Waits until one of the promises has resolved, or the shortest of the pauses (in milliseconds) is over. */
async function firstOf(ends: readonly Promise<void>[], pauses: readonly number[]): Promise<void> {
  const timer = new AbortController();
  const { signal } = timer;
  const pause =
    pauses.length === 0 ? [] : [sleep(Math.min(...pauses), undefined, { signal }).catch(() => {})];
  await Promise.race([...ends, ...pause]);
  timer.abort();
  // Yield once, so that attempts that settled together free their places together.
  await new Promise(setImmediate);
}
