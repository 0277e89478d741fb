import type { Database } from '../../../database/connect.ts';
import type { DispatchSettings, LogEntry, Outcome, Progress, Task, Watched } from '../../task.ts';
import { tally, watchedBatch } from '../fragments/batch-counters.ts';
import { among, columns, dueIn, leaves, nextDispatch, type Timed } from '../fragments/columns.ts';
import { KNOWN, LACK, type Lack, type Room } from '../fragments/worker-capacity.ts';
import { CAPPED, type Capped, claimInLanes, LANE, type Lane, PAUSED, vacatedBy } from '../lanes/lanes.ts';

/** A task that was asked for and could not be claimed yet. */
export type Unclaimed = {
  id: string;
  /** Negative or 0: it is due, but somebody had its row locked at that moment. */
  dueInSeconds: number;
  /** It has taken a worker down before, and is claimed alone. */
  suspect: boolean;
  /** What it lacks in this worker, and might not in another one. */
  lacks: Lack | null;
};

/** A worker that takes on everything. */
const ROOM_FOR_ALL: Room = { kinds: [], runners: 0, waiting: 1_000_000, seconds: 840 };

export type Claim = {
  claimed: Watched<Task>[];
  unclaimed: Unclaimed[];
  /** Lanes with a place that was meant for a task which is now held by another lane: somebody else may use it. */
  vacated: Lane[];
};

/** A task that was asked for: claimed, held because it is paused, or neither. */
type Wanted = Watched<Task> & {
  wanted: Unclaimed;
  lane: string | null;
  unclaimed: boolean;
  held: Parameters<typeof vacatedBy>[0] | null;
};

/**
 * Starts attempts: takes those of the given tasks that are due and that nobody else has. What is paused, or whose lane is
 * full, is held until it is released, and is in neither list.
 *
 * @param leaseSeconds how long the worker may be silent before others presume it dead
 * @param soonSeconds  tasks that become due within this time are returned unclaimed
 * @param alone        claims suspects too; otherwise they are returned unclaimed
 * @param room         tasks that the worker has no room for are returned unclaimed
 * @returns `claimed`: what now runs here; `unclaimed`: what is worth asking for again; `vacated`: lanes to release tasks from
 */
export async function claim(
  db: Database,
  ids: readonly string[],
  leaseSeconds: number,
  soonSeconds: number,
  alone = false,
  room: Room = ROOM_FOR_ALL,
): Promise<Claim> {
  const startable = db`t.run_at <= clock.now and (${alone} or t.crashes = 0)`;
  const asked = among(db, ids);
  const rows = await db<Wanted[]>`
    with clock as materialized (
      select clock_timestamp() as now
    ), wanted as materialized (
      select t.id, t.run_at, t.crashes, ${LANE(db)} as lane,
        ${LACK(db, room, startable)} as lacks
      from clock, tasks t left join ${KNOWN(db, room)} on k.kind = t.kind
      where ${asked} and t.status = any (${leaves('claim')}::text[])
        and t.run_at <= clock.now + ${soonSeconds} * interval '1 second'
    ), due as (
      select t.id from tasks t, clock
      where ${asked} and t.id in (select id from wanted where lane is null and lacks is null)
        and t.status = any (${leaves('claim')}::text[]) and ${startable}
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
      select t.id, ${PAUSED(db)} as lane from tasks t, clock
      where ${asked} and t.id in (select id from wanted where lane is not null) and t.status = any (${leaves('claim')}::text[])
        and t.run_at <= clock.now and ${PAUSED(db)} is not null
      order by t.id
      for update of t skip locked
    ), held as (
      update tasks t set held_by = paused.lane, next_dispatch_at = 'infinity'
      from paused where ${asked} and t.id = paused.id
      returning t.id, t.organization_id, t.created_by, t.concurrency_key, t.waits_for_network, t.held_by, ${CAPPED(db)} as capped
    )
    select ${columns(db)}, t.watchers, null as batch, t.id is null as unclaimed, w.lane,
      jsonb_build_object('id', w.id, 'dueInSeconds', extract(epoch from w.run_at - clock.now)::float8,
        'suspect', w.crashes > 0, 'lacks', w.lacks) as wanted,
      (select jsonb_build_object('organizationId', h.organization_id, 'createdBy', h.created_by,
        'concurrencyKey', h.concurrency_key, 'waitsForNetwork', h.waits_for_network, 'heldBy', h.held_by, 'capped', h.capped) from held h where h.id = w.id) as held
    from clock, wanted w left join claimed t on t.id = w.id`;
  const claimed = rows.filter((row) => !row.unclaimed);
  const left = rows.filter((row) => row.unclaimed && row.held === null);
  const paused = rows.flatMap(({ held }) => held ?? []);
  const laned = left
    .filter(({ lane, wanted: { dueInSeconds, suspect, lacks } }) => {
      return lane && !lacks && dueInSeconds <= 0 && (alone || !suspect);
    })
    .map(({ wanted }) => wanted.id);
  const inLanes = laned.length > 0 ? await claimInLanes(db, laned, leaseSeconds, alone) : undefined;
  return {
    claimed: [...claimed, ...(inLanes?.claimed ?? [])],
    unclaimed: left.map(({ wanted }) => wanted).filter(({ id }) => !inLanes?.settled.has(id)),
    vacated: [...paused.flatMap(vacatedBy), ...(inLanes?.vacated ?? [])],
  };
}

/**
 * Records the outcomes of attempts, in the row, in the ledger and in the counts of batches. An outcome whose `attempt` is no
 * longer the row's is from a worker that lost its lease: it changes nothing and is absent from the result.
 *
 * @returns the rows as written, each with the connections that watch it
 */
export async function settle(
  db: Database,
  outcomes: readonly Outcome[],
  dispatch: DispatchSettings,
): Promise<Capped<Timed<Watched<Task>>>[]> {
  const given = outcomes.map((outcome) => ({
    id: outcome.id,
    attempt: outcome.attempt,
    outcome: outcome.kind,
    result: outcome.kind === 'complete' ? outcome.result : null,
    artifact: outcome.kind === 'complete' ? (outcome.artifact ?? null) : null,
    error: outcome.kind === 'complete' ? null : outcome.error,
    delay: outcome.kind === 'retry' ? outcome.delaySeconds : null,
    progress: outcome.progress ?? null,
    logs: outcome.logs ?? null,
  }));
  const to = db`case
    when o.outcome = 'complete' then 'COMPLETED'
    when t.cancel_requested_at is not null then 'CANCELLED'
    when o.outcome = 'retry' and t.attempt < t.attempt_limit then 'SCHEDULED'
    else 'FAILED' end`;
  const asked = among(
    db,
    outcomes.map(({ id }) => id),
  );
  const nextRun = db`clock_timestamp() + o.delay * interval '1 second'`;
  return db<Capped<Timed<Watched<Task>>>[]>`
    with outcome as materialized (
      select * from jsonb_to_recordset(${JSON.stringify(given)}::jsonb)
        as o(id uuid, attempt integer, outcome text, result jsonb, artifact jsonb, error jsonb, delay float8,
          progress jsonb, logs jsonb)
    ), mine as (
      -- In the order of ids, as everything that waits for several rows: two such statements never wait for each other.
      select t.id, t.cause, t.run_at from tasks t join outcome o on t.id = o.id and t.attempt = o.attempt
      where ${asked} and t.status = any (${leaves('complete')}::text[])
      order by t.id
      for update of t
    ), moved as (
      update tasks t
      set status = ${to},
        result = case when o.outcome = 'complete' then coalesce(o.result, 'null'::jsonb) end,
        artifact = case when o.outcome = 'complete' then o.artifact end,
        error = case when ${to} <> 'CANCELLED' then o.error end,
        cause = case when ${to} = 'SCHEDULED' then 'retry' else t.cause end,
        progress = coalesce(o.progress, t.progress),
        run_at = case when ${to} = 'SCHEDULED' then ${nextRun} else t.run_at end,
        next_dispatch_at = case when ${to} = 'SCHEDULED' then ${nextDispatch(db, nextRun, dispatch)} end,
        finished_at = case when ${to} <> 'SCHEDULED' then clock_timestamp() end,
        lease_until = null, updated_at = clock_timestamp(), seq = t.seq + 1
      from outcome o join mine on mine.id = o.id
      where ${asked} and t.id = o.id and t.attempt = o.attempt and t.status = any (${leaves('complete')}::text[])
      returning t.*, mine.cause as made_by, mine.run_at as due_at, o.delay, o.error as failure, o.logs
    ), ledger as (
      insert into attempts as a (task_id, attempt, organization_id, outcome, cause, due_at, started_at, finished_at,
        delay_seconds, error, progress, logs)
      select m.id, m.attempt, m.organization_id,
        case m.status when 'COMPLETED' then 'completed' when 'SCHEDULED' then 'retried' when 'CANCELLED' then 'aborted' else 'failed' end,
        m.made_by, m.due_at, m.started_at, m.updated_at, case when m.status = 'SCHEDULED' then m.delay end, m.failure,
        m.progress, m.logs
      from moved m
      on conflict (task_id, attempt) do update
      set outcome = excluded.outcome, finished_at = excluded.finished_at, delay_seconds = excluded.delay_seconds,
        error = excluded.error, progress = excluded.progress, logs = coalesce(excluded.logs, a.logs)
    ), ${tally(db, 'moved', 1)}
    select ${columns(db, false)}, t.watchers, ${watchedBatch(db)}, ${dueIn(db)},
      ${CAPPED(db)} as capped
    from moved t`;
}

/** Renews the leases of running attempts. Absent from the result: attempts that are no longer this worker's. */
export async function renew(
  db: Database,
  running: readonly { id: string; attempt: number }[],
  leaseSeconds: number,
): Promise<{ id: string; attempt: number; cancelRequested: boolean }[]> {
  const asked = among(
    db,
    running.map(({ id }) => id),
  );
  return db<{ id: string; attempt: number; cancelRequested: boolean }[]>`
    with mine as (
      select t.id from tasks t
      join jsonb_to_recordset(${JSON.stringify(running)}::jsonb) as r(id uuid, attempt integer)
        on t.id = r.id and t.attempt = r.attempt
      where ${asked} and t.status = any (${leaves('complete')}::text[])
      order by t.id
      for update of t
    )
    update tasks t set lease_until = clock_timestamp() + ${leaseSeconds} * interval '1 second'
    from mine where ${asked} and t.id = mine.id
    returning t.id, t.attempt, t.cancel_requested_at is not null as "cancelRequested"`;
}

/** What a running attempt says of itself. */
export type Report = {
  id: string;
  attempt: number;
  /** Undefined when it is still what was last reported. */
  progress?: Progress;
  /** All entries that are kept of the attempt; undefined when there are no new ones. */
  logs?: readonly LogEntry[];
};

/**
 * Stores what running attempts say of themselves: progress on the row, both in the ledger. A report of an attempt that is no
 * longer this worker's changes nothing and is absent from the result.
 */
export async function report(db: Database, reports: readonly Report[]): Promise<Watched<Task>[]> {
  const asked = among(
    db,
    reports.map(({ id }) => id),
  );
  return db<Watched<Task>[]>`
    with given as materialized (
      select * from jsonb_to_recordset(${JSON.stringify(reports)}::jsonb)
        as g(id uuid, attempt integer, progress jsonb, logs jsonb)
    ), mine as (
      select t.id from tasks t join given g on t.id = g.id and t.attempt = g.attempt
      where ${asked} and t.status = any (${leaves('complete')}::text[])
      order by t.id
      for update of t
    ), moved as (
      update tasks t
      set progress = coalesce(g.progress, t.progress), updated_at = clock_timestamp(), seq = t.seq + 1
      from given g join mine on mine.id = g.id
      where ${asked} and t.id = g.id and t.attempt = g.attempt and t.status = any (${leaves('complete')}::text[])
      returning t.*, g.logs
    ), ledger as (
      insert into attempts as a (task_id, attempt, organization_id, outcome, cause, due_at, started_at, progress, logs)
      select m.id, m.attempt, m.organization_id, 'running', m.cause, m.run_at, m.started_at, m.progress, m.logs
      from moved m
      on conflict (task_id, attempt) do update
      set progress = excluded.progress, logs = coalesce(excluded.logs, a.logs)
      where a.outcome = 'running'
    )
    select ${columns(db, false)}, t.watchers, null as batch from moved t`;
}
