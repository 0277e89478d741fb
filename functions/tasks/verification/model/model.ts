import type { Lane, NewTask, Released, Report, Unclaimed, WorkerCapacity } from '../../store/index.ts';
import type { DispatchSettings, Outcome, TaskStatus } from '../../task.ts';
import { type Bounds, freed, missingCapacity, pausedLane, turns, UNBOUND, vacated } from './lanes.ts';
import { created, type Entry, later, NEVER, nextDispatch, type Row, returned } from './row.ts';

/** Called for each changed row, with the row before and after. */
export type Moved = (move: string, before: Row | undefined, after: Row) => void;

export type ModelOptions = {
  /** The database's clock. */
  now: () => Date;
  /** Uniform in [0, 1). */
  random?: () => number;
  /** True when another session has the row locked at this moment. Statements that skip locked rows skip it. */
  isLocked?: (id: string) => boolean;
  /** Called for every change that `seq` counts. */
  moved?: Moved;
};

/** Capacity of a worker that accepts every task. */
const UNLIMITED_CAPACITY: WorkerCapacity = { kinds: [], runners: 0, networkPlaces: 1_000_000, seconds: 840 };

/** Longest delay of a message. */
const LONGEST_DELAY_SECONDS = 900;

type Settled = ReturnType<typeof returned>;

/**
 * The engine's tasks in memory: the effect of each statement of the store on the rows, written a second time and as plainly as
 * possible. The model test compares the SQL with it, and the simulation runs on it.
 */
export class TaskModel {
  readonly rows: ReadonlyMap<string, Row>;
  readonly ledger: ReadonlyMap<string, readonly Entry[]>;
  readonly #rows = new Map<string, Row>();
  readonly #ledger = new Map<string, readonly Entry[]>();
  /** The dependencies of each task. */
  readonly #awaited = new Map<string, readonly string[]>();
  readonly #bounds = new Map<string, Bounds>();
  readonly #now: () => Date;
  readonly #random: () => number;
  readonly #isLocked: (id: string) => boolean;
  readonly #moved: Moved;

  constructor({ now, random = Math.random, isLocked = () => false, moved = () => {} }: ModelOptions) {
    [this.rows, this.ledger] = [this.#rows, this.#ledger];
    [this.#now, this.#random, this.#isLocked, this.#moved] = [now, random, isLocked, moved];
  }

  /** Stores a row unchanged, past all rules. */
  put(row: Row): void {
    this.#rows.set(row.id, row);
  }

  bounds(organizationId: string): Bounds {
    return this.#bounds.get(organizationId) ?? UNBOUND;
  }

  bind(organizationId: string, bounds: Bounds): void {
    this.#bounds.set(organizationId, bounds);
  }

  insert(
    organizationId: string,
    tasks: readonly NewTask[],
    dispatch: DispatchSettings,
    batchId: string | null = null,
  ): Settled[] {
    return tasks.map((task) => {
      const awaited = this.#known(task.dependsOn ?? []);
      for (const other of awaited) this.put({ ...other, hasDependents: true });
      this.#awaited.set(
        task.id,
        awaited.map(({ id }) => id),
      );
      const waits = awaited.some(({ status }) => status !== 'COMPLETED');
      const row = created(task, waits, organizationId, batchId, this.#now(), dispatch);
      this.put(row);
      this.#ledger.set(row.id, []);
      this.#moved('create', undefined, row);
      return returned(row, this.#now());
    });
  }

  claim({
    ids,
    leaseSeconds,
    soonSeconds,
    alone = false,
    capacity = UNLIMITED_CAPACITY,
  }: {
    ids: readonly string[];
    leaseSeconds: number;
    soonSeconds: number;
    alone?: boolean | undefined;
    capacity?: WorkerCapacity | undefined;
  }): { claimed: Settled[]; unclaimed: Unclaimed[]; vacated: Lane[] } {
    const now = this.#now();
    const wanted = this.#known(ids).filter(
      (row) => row.status === 'SCHEDULED' && row.runAt <= later(now, soonSeconds),
    );
    const startable = wanted.filter((row) => row.runAt <= now && (alone || row.crashes === 0));
    const missing = missingCapacity(wanted, startable, capacity);
    const free = wanted.filter((row) => row.runAt <= now && !this.#isLocked(row.id));
    const paused = free.filter((row) => pausedLane(row, this.bounds(row.organizationId)));
    const wanting = free.filter(
      (row) => !paused.includes(row) && startable.includes(row) && !missing.has(row),
    );
    for (const row of paused) this.#hold(row, pausedLane(row, this.bounds(row.organizationId)));
    const claimed: Settled[] = [];
    for (const [row, full] of this.#turns(wanting)) {
      if (full) this.#hold(row, full);
      else claimed.push(returned(this.#start(row, leaseSeconds), now));
    }
    const held = [...paused, ...wanting].flatMap(({ id }) => this.#rows.get(id) ?? []);
    return {
      claimed,
      vacated: held
        .filter(({ heldBy }) => heldBy !== null)
        .flatMap((row) => vacated(row, this.bounds(row.organizationId))),
      unclaimed: wanted
        .filter((row) => !wanting.includes(row) && !paused.includes(row))
        .map((row) => ({
          id: row.id,
          dueInSeconds: returned(row, now).dueInSeconds,
          suspect: row.crashes > 0,
          missing: missing.get(row) ?? null,
        })),
    };
  }

  settle(outcomes: readonly Outcome[], dispatch: DispatchSettings): Settled[] {
    return outcomes.flatMap((outcome) => {
      const row = this.#rows.get(outcome.id);
      if (row?.status !== 'RUNNING' || row.attempt !== outcome.attempt) return [];
      const capped = this.bounds(row.organizationId).maxRunning !== null;
      return [returned(this.#end(row, outcome, dispatch), this.#now(), capped)];
    });
  }

  renew(
    running: readonly { id: string; attempt: number }[],
    leaseSeconds: number,
  ): { id: string; attempt: number; cancelRequested: boolean }[] {
    return running.flatMap(({ id, attempt }) => {
      const row = this.#rows.get(id);
      if (row?.status !== 'RUNNING' || row.attempt !== attempt) return [];
      this.put({ ...row, leaseUntil: later(this.#now(), leaseSeconds) });
      return [{ id, attempt, cancelRequested: row.cancelRequestedAt !== null }];
    });
  }

  report(reports: readonly Report[]): Settled[] {
    return reports.flatMap(({ id, attempt, progress }) => {
      const row = this.#rows.get(id);
      if (row?.status !== 'RUNNING' || row.attempt !== attempt) return [];
      this.#record(row, { attempt, outcome: 'running', cause: row.cause, delaySeconds: null, error: null });
      return [returned(this.#write('report', row, { progress: progress ?? row.progress }), this.#now())];
    });
  }

  rescue(ids: readonly string[] | null, limit: number): Settled[] {
    const now = this.#now();
    return (ids ? this.#known(ids) : [...this.#rows.values()])
      .filter((row) => row.status === 'RUNNING' && row.leaseUntil && row.leaseUntil < now)
      .filter((row) => !this.#isLocked(row.id))
      .toSorted((one, other) => Number(one.leaseUntil) - Number(other.leaseUntil))
      .slice(0, limit)
      .map((row) => {
        const error = { code: 'worker_crashed', message: 'The worker that ran this attempt died' };
        const delaySeconds = ids ? 0 : Math.min(60, 2 ** row.crashes) * this.#random();
        const runAt = later(now, delaySeconds);
        const again = !row.cancelRequestedAt && row.attempt < row.attemptLimit;
        const { attempt, cause } = row;
        this.#record(row, {
          ...{ attempt, outcome: 'crashed', cause, error },
          delaySeconds: again ? delaySeconds : null,
        });
        const crashed = { error, cause: 'crash', crashes: row.crashes + 1, leaseUntil: null, runAt } as const;
        const change: Partial<Row> = again
          ? { status: 'SCHEDULED', nextDispatchAt: now }
          : { status: row.cancelRequestedAt ? 'CANCELLED' : 'FAILED', finishedAt: now };
        return returned(this.#write('rescue', row, { ...crashed, ...change }), now);
      });
  }

  takeForDispatch(limit: number, resendSeconds: number): { taken: number; due: Released[] } {
    const now = this.#now();
    const taken = [...this.#rows.values()]
      .filter((row) => row.status === 'SCHEDULED' && row.nextDispatchAt && row.nextDispatchAt <= now)
      .filter((row) => !this.#isLocked(row.id))
      .toSorted((one, other) => Number(one.nextDispatchAt) - Number(other.nextDispatchAt))
      .slice(0, limit);
    const due = taken.flatMap((row) => {
      const lane = pausedLane(row, this.bounds(row.organizationId));
      if (lane) {
        this.#hold(row, lane);
        return [];
      }
      const waitSeconds = Math.min(resendSeconds * 2 ** Math.min(row.dispatches, 10), 86_400);
      const nextDispatchAt = later(row.runAt > now ? row.runAt : now, waitSeconds);
      this.put({ ...row, heldBy: null, dispatches: row.dispatches + 1, nextDispatchAt });
      return [this.#released(row)];
    });
    return { taken: taken.length, due };
  }

  dispatchAgain(ids: readonly string[]): void {
    for (const row of this.#known(ids)) {
      if (row.status !== 'SCHEDULED' || row.heldBy || this.#isLocked(row.id)) continue;
      if (row.runAt > later(this.#now(), LONGEST_DELAY_SECONDS)) continue;
      this.put({ ...row, nextDispatchAt: this.#now(), dispatches: Math.max(row.dispatches - 1, 0) });
    }
  }

  heldLanes(limit: number, after: Lane | null = null): Lane[] {
    const lanes = new Map<string, Lane>();
    for (const { organizationId, heldBy } of this.#rows.values()) {
      if (heldBy) lanes.set(`${organizationId} ${heldBy}`, { organizationId, lane: heldBy });
    }
    const names = [...lanes.keys()]
      .toSorted()
      .filter((name) => !after || name > `${after.organizationId} ${after.lane}`);
    return names.slice(0, limit).flatMap((name) => lanes.get(name) ?? []);
  }

  releaseHeld(lanes: readonly Lane[], dispatch: DispatchSettings): Released[] {
    const byOrganization = Map.groupBy(lanes, ({ organizationId }) => organizationId);
    return [...byOrganization].flatMap(([organizationId, given]) => {
      const names = [...new Set(given.map(({ lane }) => lane))];
      return freed(names, this.#of(organizationId), this.bounds(organizationId))
        .filter(({ row }) => !this.#isLocked(row.id))
        .flatMap(({ row, goes }) => {
          const now = this.#now();
          if (!goes) {
            this.#hold(row, 'organization');
            return [];
          }
          const from = row.runAt > now ? row.runAt : now;
          this.put({ ...row, heldBy: null, nextDispatchAt: nextDispatch(from, now, dispatch) });
          return [this.#released(row)];
        });
    });
  }

  #of(organizationId: string): Row[] {
    return [...this.#rows.values()].filter((row) => row.organizationId === organizationId);
  }

  release(
    ids: readonly string[] | null,
    limit: number,
    dispatch: DispatchSettings,
  ): { told: number; moved: Settled[]; more: boolean } {
    const ended = (ids ? this.#known(ids) : [...this.#rows.values()])
      .filter((row) => row.hasDependents && row.finishedAt && !this.#isLocked(row.id))
      .toSorted((one, other) => (one.id < other.id ? -1 : 1))
      .slice(0, limit);
    const told = new Set(ended.map(({ id }) => id));
    const waiting = [...this.#rows.values()].filter(
      ({ id, status }) => status === 'PENDING' && this.#awaited.get(id)?.some((other) => told.has(other)),
    );
    // Read before any row moves. Dependents of a task that is cancelled here are handled after that task.
    const fated = waiting.map((row) => ({
      row,
      fates: this.#known(this.#awaited.get(row.id) ?? []).map(({ status }) => status),
    }));
    const moved = fated.flatMap(({ row, fates }) => {
      const now = this.#now();
      const runAt = row.runAt > now ? row.runAt : now;
      if (fates.some((status) => status === 'FAILED' || status === 'CANCELLED')) {
        const error = { code: 'dependency_failed', message: 'A task that this one waited for has failed' };
        const lost = { status: 'CANCELLED', error, runAt, finishedAt: now } as const;
        return [returned(this.#write('release', row, lost), now)];
      }
      if (fates.some((status) => status !== 'COMPLETED')) return [];
      const nextDispatchAt = nextDispatch(runAt, now, dispatch);
      return [returned(this.#write('release', row, { status: 'SCHEDULED', runAt, nextDispatchAt }), now)];
    });
    for (const row of this.#known([...told])) this.put({ ...row, hasDependents: false });
    return { told: told.size, moved, more: false };
  }

  cancel(id: string): Settled | undefined {
    const row = this.#rows.get(id);
    const now = this.#now();
    const asked = { cancelRequestedAt: row?.cancelRequestedAt ?? now };
    if (row?.status === 'RUNNING') return returned(this.#write('ask to cancel', row, asked), now);
    if (row?.status !== 'PENDING' && row?.status !== 'SCHEDULED') return undefined;
    const stopped = { status: 'CANCELLED', finishedAt: now, nextDispatchAt: null, heldBy: null } as const;
    return returned(this.#write('cancel', row, { ...asked, ...stopped }), now);
  }

  /** Requeues tasks. Tasks that depend on a failed task that is not requeued with them stay as they are. */
  requeue(ids: readonly string[], dispatch: DispatchSettings): Settled[] {
    const ended = (row: Row) => row.status === 'FAILED' || row.status === 'CANCELLED';
    let wanted = this.#known(ids).filter(ended);
    for (let before = -1; before !== wanted.length; ) {
      before = wanted.length;
      const isLost = (other: Row) => ended(other) && !wanted.includes(other);
      wanted = wanted.filter((row) => !this.#awaitedBy(row).some(isLost));
    }
    const waiting = wanted.filter((row) => this.#awaitedBy(row).some(({ status }) => status !== 'COMPLETED'));
    const moved = wanted.map((row) => this.#requeue(row, waiting.includes(row), dispatch));
    for (const other of waiting.flatMap((row) => this.#awaitedBy(row)))
      if (other.status !== 'COMPLETED') this.put({ ...other, hasDependents: true });
    return moved.map(({ id }) => returned(this.#rows.get(id) as Row, this.#now()));
  }

  #awaitedBy({ id }: Row): Row[] {
    return this.#known(this.#awaited.get(id) ?? []);
  }

  #requeue(row: Row, waits: boolean, { resendSeconds }: DispatchSettings): Row {
    const now = this.#now();
    const afresh = {
      startedAt: null,
      finishedAt: null,
      cancelRequestedAt: null,
      progress: null,
      error: null,
    };
    return this.#write('requeue', row, {
      ...afresh,
      ...{ cause: 'requeue', crashes: 0, dispatches: 0, result: null, artifact: null },
      status: waits ? 'PENDING' : 'SCHEDULED',
      runAt: now,
      nextDispatchAt: waits ? null : later(now, resendSeconds),
      attemptLimit: row.attempt + 1 + row.maxRetries,
    });
  }

  reschedule(id: string, scheduledTime: string, dispatch: DispatchSettings): Settled | undefined {
    const row = this.#rows.get(id);
    if (row?.status !== 'PENDING' && row?.status !== 'SCHEDULED') return undefined;
    const now = this.#now();
    const asked = new Date(scheduledTime);
    const runAt = asked > now ? asked : now;
    const nextDispatchAt = row.status === 'SCHEDULED' ? nextDispatch(runAt, now, dispatch) : null;
    const moved = { scheduledTime: asked, runAt, nextDispatchAt, heldBy: null, dispatches: 0 };
    return returned(this.#write('reschedule', row, moved), now);
  }

  #known(ids: readonly string[]): Row[] {
    return [...new Set(ids)].flatMap((id) => this.#rows.get(id) ?? []);
  }

  /** Writes a change that watchers see. */
  #write(move: string, row: Row, change: Partial<Row>): Row {
    const after = { ...row, ...change, seq: row.seq + 1, updatedAt: this.#now() };
    this.put(after);
    this.#moved(move, row, after);
    return after;
  }

  #record(row: Row, entry: Entry): void {
    const others = (this.#ledger.get(row.id) ?? []).filter(({ attempt }) => attempt !== entry.attempt);
    this.#ledger.set(row.id, [...others, entry]);
  }

  #start(row: Row, leaseSeconds: number): Row {
    const now = this.#now();
    return this.#write('claim', row, {
      ...{
        status: 'RUNNING',
        dispatches: 0,
        attempt: row.attempt + 1,
        startedAt: now,
        leaseUntil: later(now, leaseSeconds),
      },
      ...{ nextDispatchAt: null, heldBy: null, progress: null },
    });
  }

  #hold(row: Row, heldBy: string | null): void {
    this.put({ ...row, heldBy, nextDispatchAt: NEVER });
  }

  #turns(wanting: readonly Row[]): [Row, string | null][] {
    return [...Map.groupBy(wanting, (row) => row.organizationId)].flatMap(([organizationId, rows]) =>
      turns(rows, this.#of(organizationId), this.bounds(organizationId)),
    );
  }

  #released({ id, organizationId, queue, crashes, runAt }: Row): Released {
    const dueInSeconds = (runAt.getTime() - this.#now().getTime()) / 1000;
    return { id, organizationId, queue, suspect: crashes > 0, dueInSeconds };
  }

  #end(row: Row, outcome: Outcome, dispatch: DispatchSettings): Row {
    const now = this.#now();
    const { attempt, cause } = row;
    const said = { leaseUntil: null, progress: outcome.progress ?? row.progress };
    const finish = (move: string, status: TaskStatus, change: Partial<Row>) =>
      this.#write(move, row, { ...said, ...change, status, finishedAt: now });
    const entry = { attempt, cause, delaySeconds: null, error: null };
    if (outcome.kind === 'complete') {
      this.#record(row, { ...entry, outcome: 'completed' });
      const { result, artifact = null } = outcome;
      return finish('complete', 'COMPLETED', { result: result ?? null, artifact, error: null });
    }
    const { error } = outcome;
    if (row.cancelRequestedAt) {
      this.#record(row, { ...entry, outcome: 'aborted', error });
      return finish('abort', 'CANCELLED', { error: null });
    }
    if (outcome.kind === 'fail' || attempt >= row.attemptLimit) {
      this.#record(row, { ...entry, outcome: 'failed', error });
      return finish('fail', 'FAILED', { error });
    }
    const { delaySeconds } = outcome;
    const runAt = later(now, delaySeconds);
    this.#record(row, { ...entry, outcome: 'retried', delaySeconds, error });
    const again = { status: 'SCHEDULED', cause: 'retry', error, runAt } as const;
    return this.#write('retry', row, {
      ...said,
      ...again,
      nextDispatchAt: nextDispatch(runAt, now, dispatch),
    });
  }
}
