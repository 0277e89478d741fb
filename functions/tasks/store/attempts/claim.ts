import type { Database } from '../../../database/connect.ts';
import type { Task, Watched } from '../../task.ts';
import { fromStatuses, idIsAnySql, taskColumnsSql } from '../fragments/columns.ts';
import { isCappedSql, laneSql, pausedLaneSql } from '../fragments/lanes.ts';
import {
  knownKindsSql,
  type MissingCapacity,
  missingCapacitySql,
  type WorkerCapacity,
} from '../fragments/worker-capacity.ts';
import { claimInLanes, type Lane, vacatedBy } from '../lanes/lanes.ts';

/** A requested task that could not be claimed yet. */
export type Unclaimed = {
  id: string;
  /** Negative or 0: the task is due, but another session had its row locked at that moment. */
  dueInSeconds: number;
  /** True when the task has taken a worker down before. Such a task is claimed alone. */
  suspect: boolean;
  /** The capacity that this worker lacks for the task. Another worker may have it. */
  missing: MissingCapacity | null;
};

/** Capacity of a worker that accepts every task. */
export const UNLIMITED_CAPACITY: WorkerCapacity = {
  kinds: [],
  runners: 0,
  networkPlaces: 1_000_000,
  seconds: 840,
};

export type ClaimRequest = {
  ids: readonly string[];
  /** Time without a renewal after which others presume the worker dead. */
  leaseSeconds: number;
  /** Tasks that become due within this time are returned unclaimed. */
  soonSeconds: number;
  /** True: claims suspects too. Otherwise they are returned unclaimed. */
  alone?: boolean | undefined;
  /** Tasks that the worker has no capacity for are returned unclaimed. */
  capacity?: WorkerCapacity | undefined;
};

export type Claim = {
  claimed: Watched<Task>[];
  unclaimed: Unclaimed[];
  /** Lanes with a place that was meant for a task which is now held by another lane. Another task may use the place. */
  vacated: Lane[];
};

/** A requested task: claimed, held because it is paused, or neither. */
type RequestedTask = Watched<Task> & {
  wanted: Unclaimed;
  lane: string | null;
  unclaimed: boolean;
  held: Parameters<typeof vacatedBy>[0] | null;
};

/**
 * Starts attempts: claims the given tasks that are due and that no other worker has. A task that is paused, or whose lane is
 * full, is held until it is released, and is in neither list.
 *
 * @returns `claimed`: tasks that now run here; `unclaimed`: tasks to ask for again; `vacated`: lanes to release tasks from
 */
export async function claim(
  db: Database,
  { ids, leaseSeconds, soonSeconds, alone = false, capacity = UNLIMITED_CAPACITY }: ClaimRequest,
): Promise<Claim> {
  const startable = db`t.run_at <= clock.now and (${alone} or t.crashes = 0)`;
  const asked = idIsAnySql(db, ids);
  const rows = await db<RequestedTask[]>`
    with clock as materialized (
      select clock_timestamp() as now
    ), wanted as materialized (
      select t.id, t.run_at, t.crashes, ${laneSql(db)} as lane,
        ${missingCapacitySql(db, capacity, startable)} as missing
      from clock, tasks t left join ${knownKindsSql(db, capacity)} on k.kind = t.kind
      where ${asked} and t.status = any (${fromStatuses('claim')}::text[])
        and t.run_at <= clock.now + ${soonSeconds} * interval '1 second'
    ), due as (
      select t.id from tasks t, clock
      where ${asked} and t.id in (select id from wanted where lane is null and missing is null)
        and t.status = any (${fromStatuses('claim')}::text[]) and ${startable}
      order by t.id
      for update of t skip locked
    ), claimed as (
      update tasks t
      set status = 'RUNNING', attempt = t.attempt + 1, lease_until = clock_timestamp() + ${leaseSeconds} * interval '1 second',
        next_dispatch_at = null, dispatches = 0, held_by = null, progress = null, started_at = clock_timestamp(),
        updated_at = clock_timestamp(), seq = t.seq + 1
      from due where ${asked} and t.id = due.id
      returning t.*
    ), paused as (
      select t.id, ${pausedLaneSql(db)} as lane from tasks t, clock
      where ${asked} and t.id in (select id from wanted where lane is not null) and t.status = any (${fromStatuses('claim')}::text[])
        and t.run_at <= clock.now and ${pausedLaneSql(db)} is not null
      order by t.id
      for update of t skip locked
    ), held as (
      update tasks t set held_by = paused.lane, next_dispatch_at = 'infinity'
      from paused where ${asked} and t.id = paused.id
      returning t.id, t.organization_id, t.created_by, t.concurrency_key, t.waits_for_network, t.held_by, ${isCappedSql(db)} as capped
    )
    select ${taskColumnsSql(db)}, t.watchers, null as batch, t.id is null as unclaimed, w.lane,
      jsonb_build_object('id', w.id, 'dueInSeconds', extract(epoch from w.run_at - clock.now)::float8,
        'suspect', w.crashes > 0, 'missing', w.missing) as wanted,
      (select jsonb_build_object('organizationId', h.organization_id, 'createdBy', h.created_by,
        'concurrencyKey', h.concurrency_key, 'waitsForNetwork', h.waits_for_network, 'heldBy', h.held_by, 'capped', h.capped) from held h where h.id = w.id) as held
    from clock, wanted w left join claimed t on t.id = w.id`;
  const claimed = rows.filter((row) => !row.unclaimed);
  const left = rows.filter((row) => row.unclaimed && row.held === null);
  const paused = rows.flatMap(({ held }) => held ?? []);
  const laned = left
    .filter(({ lane, wanted: { dueInSeconds, suspect, missing } }) => {
      return lane && !missing && dueInSeconds <= 0 && (alone || !suspect);
    })
    .map(({ wanted }) => wanted.id);
  const inLanes = laned.length > 0 ? await claimInLanes(db, { ids: laned, leaseSeconds, alone }) : undefined;
  return {
    claimed: [...claimed, ...(inLanes?.claimed ?? [])],
    unclaimed: left.map(({ wanted }) => wanted).filter(({ id }) => !inLanes?.settled.has(id)),
    vacated: [...paused.flatMap(vacatedBy), ...(inLanes?.vacated ?? [])],
  };
}
