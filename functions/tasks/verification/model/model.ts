import {
  type ClaimRequest,
  type Lane,
  type NewTask,
  type Released,
  type Report,
  UNLIMITED_CAPACITY,
  type Unclaimed,
} from '../../store/index.ts';
import type { DispatchSettings, OnFailure, Outcome, TaskStatus } from '../../task.ts';
import { end, start } from './attempts.ts';
import { type Bounds, freed, missingCapacity, pausedLane, turns, UNBOUND, vacated } from './lanes.ts';
import { type ModelOptions, ModelRows } from './model-rows.ts';
import { type Creation, created, type Entry, later, nextDispatch, type Row, returned } from './row.ts';

/** Longest delay of a message. */
const LONGEST_DELAY_SECONDS = 900;

type Settled = ReturnType<typeof returned>;

/** True for a dependency that has ended without completing. */
const isLost = (status: TaskStatus) => status === 'FAILED' || status === 'CANCELLED';

/** True while a dependent waits for a dependency of this status. */
const isAwaited = (onFailure: OnFailure, status: TaskStatus) =>
  status !== 'COMPLETED' && !(onFailure === 'run' && isLost(status));

/**
 * The engine's tasks in memory: the effect of each statement of the store on the rows, written a second time and as plainly as
 * possible. The model test compares the SQL with it, and the simulation runs on it.
 */
export class TaskModel {
  readonly #rows: ModelRows;

  constructor(options: ModelOptions) {
    this.#rows = new ModelRows(options);
  }

  get rows(): ReadonlyMap<string, Row> {
    return this.#rows.byId;
  }

  get ledger(): ReadonlyMap<string, readonly Entry[]> {
    return this.#rows.ledger;
  }

  /** Stores a row unchanged, past all rules. */
  put(row: Row): void {
    this.#rows.put(row);
  }

  bounds(organizationId: string): Bounds {
    return this.#rows.bounds.get(organizationId) ?? UNBOUND;
  }

  bind(organizationId: string, bounds: Bounds): void {
    this.#rows.bounds.set(organizationId, bounds);
  }

  insert(tasks: readonly NewTask[], creation: Omit<Creation, 'batchId'> & Partial<Creation>): Settled[] {
    const isNew = new Set(tasks.map(({ id }) => id));
    const isNamed = new Set(tasks.flatMap(({ dependsOn }) => dependsOn ?? []));
    return tasks.map((task) => {
      const others = task.dependsOn ?? [];
      const old = this.#rows.known(others.filter((id) => !isNew.has(id)));
      for (const other of old) this.put({ ...other, hasDependents: true });
      const beside = others.filter((id) => isNew.has(id));
      this.#rows.dependOn(task.id, [...old.map(({ id }) => id), ...beside]);
      const waits = beside.length > 0 || old.some(({ status }) => isAwaited(task.onFailure, status));
      const row = created(task, { batchId: null, ...creation, waits, now: this.#rows.now() });
      this.put({ ...row, hasDependents: isNamed.has(row.id) });
      this.#rows.begin(row.id);
      this.#rows.moved('create', undefined, row);
      return returned(row, this.#rows.now());
    });
  }

  claim(request: ClaimRequest): { claimed: Settled[]; unclaimed: Unclaimed[]; vacated: Lane[] } {
    const { ids, leaseSeconds, soonSeconds, alone = false, capacity = UNLIMITED_CAPACITY } = request;
    const now = this.#rows.now();
    const wanted = this.#rows
      .known(ids)
      .filter((row) => row.status === 'SCHEDULED' && row.runAt <= later(now, soonSeconds));
    const startable = wanted.filter((row) => row.runAt <= now && (alone || row.crashes === 0));
    const missing = missingCapacity(wanted, startable, capacity);
    const free = wanted.filter((row) => row.runAt <= now && !this.#rows.isLocked(row.id));
    const paused = free.filter((row) => pausedLane(row, this.bounds(row.organizationId)));
    const wanting = free.filter(
      (row) => !paused.includes(row) && startable.includes(row) && !missing.has(row),
    );
    for (const row of paused) this.#rows.hold(row, pausedLane(row, this.bounds(row.organizationId)));
    const claimed: Settled[] = [];
    for (const [row, full] of this.#turns(wanting)) {
      if (full) this.#rows.hold(row, full);
      else claimed.push(returned(start(this.#rows, row, leaseSeconds), now));
    }
    const held = [...paused, ...wanting].flatMap(({ id }) => this.#rows.byId.get(id) ?? []);
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
      const row = this.#rows.byId.get(outcome.id);
      if (row?.status !== 'RUNNING' || row.attempt !== outcome.attempt) return [];
      const capped = this.bounds(row.organizationId).maxRunning !== null;
      return [returned(end(this.#rows, row, { outcome, dispatch }), this.#rows.now(), capped)];
    });
  }

  renew(
    running: readonly { id: string; attempt: number }[],
    leaseSeconds: number,
  ): { id: string; attempt: number; cancelRequested: boolean }[] {
    return running.flatMap(({ id, attempt }) => {
      const row = this.#rows.byId.get(id);
      if (row?.status !== 'RUNNING' || row.attempt !== attempt) return [];
      this.put({ ...row, leaseUntil: later(this.#rows.now(), leaseSeconds) });
      return [{ id, attempt, cancelRequested: row.cancelRequestedAt !== null }];
    });
  }

  report(reports: readonly Report[]): Settled[] {
    return reports.flatMap(({ id, attempt, progress }) => {
      const row = this.#rows.byId.get(id);
      if (row?.status !== 'RUNNING' || row.attempt !== attempt) return [];
      this.#rows.record(row, {
        attempt,
        outcome: 'running',
        cause: row.cause,
        delaySeconds: null,
        error: null,
      });
      return [
        returned(this.#rows.write('report', row, { progress: progress ?? row.progress }), this.#rows.now()),
      ];
    });
  }

  rescue(ids: readonly string[] | null, limit: number): Settled[] {
    const now = this.#rows.now();
    return (ids ? this.#rows.known(ids) : [...this.#rows.byId.values()])
      .filter((row) => row.status === 'RUNNING' && row.leaseUntil && row.leaseUntil < now)
      .filter((row) => !this.#rows.isLocked(row.id))
      .toSorted((one, other) => Number(one.leaseUntil) - Number(other.leaseUntil))
      .slice(0, limit)
      .map((row) => {
        const error = { code: 'worker_crashed', message: 'The worker that ran this attempt died' };
        const delaySeconds = ids ? 0 : Math.min(60, 2 ** row.crashes) * this.#rows.random();
        const runAt = later(now, delaySeconds);
        const isRetried = !row.cancelRequestedAt && row.attempt < row.attemptLimit;
        const { attempt, cause } = row;
        this.#rows.record(row, {
          ...{ attempt, outcome: 'crashed', cause, error },
          delaySeconds: isRetried ? delaySeconds : null,
        });
        const crashed = { error, cause: 'crash', crashes: row.crashes + 1, leaseUntil: null, runAt } as const;
        const change: Partial<Row> = isRetried
          ? { status: 'SCHEDULED', nextDispatchAt: now }
          : { status: row.cancelRequestedAt ? 'CANCELLED' : 'FAILED', finishedAt: now };
        return returned(this.#rows.write('rescue', row, { ...crashed, ...change }), now);
      });
  }

  takeForDispatch(limit: number, resendSeconds: number): { taken: number; due: Released[] } {
    const now = this.#rows.now();
    const taken = [...this.#rows.byId.values()]
      .filter((row) => row.status === 'SCHEDULED' && row.nextDispatchAt && row.nextDispatchAt <= now)
      .filter((row) => !this.#rows.isLocked(row.id))
      .toSorted((one, other) => Number(one.nextDispatchAt) - Number(other.nextDispatchAt))
      .slice(0, limit);
    const due = taken.flatMap((row) => {
      const lane = pausedLane(row, this.bounds(row.organizationId));
      if (lane) {
        this.#rows.hold(row, lane);
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
    for (const row of this.#rows.known(ids)) {
      if (row.status !== 'SCHEDULED' || row.heldBy || this.#rows.isLocked(row.id)) continue;
      if (row.runAt > later(this.#rows.now(), LONGEST_DELAY_SECONDS)) continue;
      this.put({ ...row, nextDispatchAt: this.#rows.now(), dispatches: Math.max(row.dispatches - 1, 0) });
    }
  }

  heldLanes(limit: number, after: Lane | null = null): Lane[] {
    const lanes = new Map<string, Lane>();
    for (const { organizationId, heldBy } of this.#rows.byId.values()) {
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
      return freed(names, this.#rows.of(organizationId), this.bounds(organizationId))
        .filter(({ row }) => !this.#rows.isLocked(row.id))
        .flatMap(({ row, goes }) => {
          const now = this.#rows.now();
          if (!goes) {
            this.#rows.hold(row, 'organization');
            return [];
          }
          const from = row.runAt > now ? row.runAt : now;
          this.put({ ...row, heldBy: null, nextDispatchAt: nextDispatch(from, now, dispatch) });
          return [this.#released(row)];
        });
    });
  }

  release(
    ids: readonly string[] | null,
    limit: number,
    dispatch: DispatchSettings,
  ): { handled: number; moved: Settled[]; more: boolean } {
    const ended = (ids ? this.#rows.known(ids) : [...this.#rows.byId.values()])
      .filter((row) => row.hasDependents && row.finishedAt && !this.#rows.isLocked(row.id))
      .toSorted((one, other) => (one.id < other.id ? -1 : 1))
      .slice(0, limit);
    const handled = new Set(ended.map(({ id }) => id));
    const waiting = [...this.#rows.byId.values()].filter(
      ({ id, status }) =>
        status === 'PENDING' && this.#rows.dependencies(id).some((other) => handled.has(other)),
    );
    // Read before any row moves. Dependents of a task that is cancelled here are handled after that task.
    const fated = waiting.map((row) => ({
      row,
      fates: this.#rows.dependenciesOf(row).map(({ status }) => status),
    }));
    const moved = fated.flatMap(({ row, fates }) => {
      const now = this.#rows.now();
      const runAt = row.runAt > now ? row.runAt : now;
      if (row.onFailure === 'cancel' && fates.some(isLost)) {
        const error = { code: 'dependency_failed', message: 'A task that this one waited for has failed' };
        const lost = { status: 'CANCELLED', error, runAt, finishedAt: now } as const;
        return [returned(this.#rows.write('release', row, lost), now)];
      }
      if (fates.some((status) => isAwaited(row.onFailure, status))) return [];
      const nextDispatchAt = nextDispatch(runAt, now, dispatch);
      return [
        returned(this.#rows.write('release', row, { status: 'SCHEDULED', runAt, nextDispatchAt }), now),
      ];
    });
    for (const row of this.#rows.known([...handled])) this.put({ ...row, hasDependents: false });
    return { handled: handled.size, moved, more: false };
  }

  cancel(id: string): Settled | undefined {
    const row = this.#rows.byId.get(id);
    const now = this.#rows.now();
    const asked = { cancelRequestedAt: row?.cancelRequestedAt ?? now };
    if (row?.status === 'RUNNING') return returned(this.#rows.write('ask to cancel', row, asked), now);
    if (row?.status !== 'PENDING' && row?.status !== 'SCHEDULED') return undefined;
    const stopped = { status: 'CANCELLED', finishedAt: now, nextDispatchAt: null, heldBy: null } as const;
    return returned(this.#rows.write('cancel', row, { ...asked, ...stopped }), now);
  }

  /**
   * Requeues tasks. Tasks that depend on a failed task that is not requeued with them stay as they are, unless they run whatever
   * becomes of their dependencies.
   */
  requeue(ids: readonly string[], dispatch: DispatchSettings): Settled[] {
    let wanted = this.#rows.known(ids).filter(({ status }) => isLost(status));
    for (let before = -1; before !== wanted.length; ) {
      before = wanted.length;
      const stays = (other: Row) => isLost(other.status) && !wanted.includes(other);
      wanted = wanted.filter((row) => row.onFailure === 'run' || !this.#rows.dependenciesOf(row).some(stays));
    }
    const waiting = wanted.filter((row) =>
      this.#rows
        .dependenciesOf(row)
        .some((other) => wanted.includes(other) || isAwaited(row.onFailure, other.status)),
    );
    const moved = wanted.map((row) => this.#requeue(row, waiting.includes(row), dispatch));
    for (const row of this.#rows.known(moved.map(({ id }) => id)))
      this.put({ ...row, hasDependents: row.hasDependents || this.#rows.isNamed(row.id) });
    for (const other of waiting.flatMap((row) => this.#rows.dependenciesOf(row)))
      if (isAwaited('run', other.status)) this.put({ ...other, hasDependents: true });
    return moved.map(({ id }) => returned(this.#rows.byId.get(id) as Row, this.#rows.now()));
  }

  #requeue(row: Row, waits: boolean, { resendSeconds }: DispatchSettings): Row {
    const now = this.#rows.now();
    const afresh = {
      startedAt: null,
      finishedAt: null,
      cancelRequestedAt: null,
      progress: null,
      error: null,
    };
    return this.#rows.write('requeue', row, {
      ...afresh,
      ...{ cause: 'requeue', crashes: 0, dispatches: 0, result: null, artifact: null },
      status: waits ? 'PENDING' : 'SCHEDULED',
      runAt: now,
      nextDispatchAt: waits ? null : later(now, resendSeconds),
      attemptLimit: row.attempt + 1 + row.maxRetries,
    });
  }

  reschedule(id: string, scheduledTime: string, dispatch: DispatchSettings): Settled | undefined {
    const row = this.#rows.byId.get(id);
    if (row?.status !== 'PENDING' && row?.status !== 'SCHEDULED') return undefined;
    const now = this.#rows.now();
    const asked = new Date(scheduledTime);
    const runAt = asked > now ? asked : now;
    const nextDispatchAt = row.status === 'SCHEDULED' ? nextDispatch(runAt, now, dispatch) : null;
    const moved = { scheduledTime: asked, runAt, nextDispatchAt, heldBy: null, dispatches: 0 };
    return returned(this.#rows.write('reschedule', row, moved), now);
  }

  #turns(wanting: readonly Row[]): [Row, string | null][] {
    return [...Map.groupBy(wanting, (row) => row.organizationId)].flatMap(([organizationId, rows]) =>
      turns(rows, this.#rows.of(organizationId), this.bounds(organizationId)),
    );
  }

  #released({ id, organizationId, queue, crashes, runAt }: Row): Released {
    const dueInSeconds = (runAt.getTime() - this.#rows.now().getTime()) / 1000;
    return { id, organizationId, queue, suspect: crashes > 0, dueInSeconds };
  }
}
