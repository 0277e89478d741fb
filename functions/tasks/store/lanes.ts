import type { Database, Transaction } from '../../database/connect.ts';
import type { DispatchSettings, Queue, Task, Watched } from '../task.ts';
import { columns, dueIn, type Fragment, leaves, nextDispatch, type Timed } from './columns.ts';

/*
 * A lane is what tasks of one organization may have to queue up for: `key:<concurrency key>`, which lets so many run at once;
 * `organization`, when there is a bound for all of its tasks; `kind:<kind>` and `queue:<queue>` while they are paused.
 *
 * A due task whose lane is full or closed is held: it keeps the lane's name in `held_by`, and nobody looks after it
 * (`next_dispatch_at` is infinity) until somebody releases it: who frees a place, who resumes, and every tick of the
 * dispatcher, should the first two have died in between.
 */

/** A row, and whether its organization bounds how many tasks run at once. */
export type Capped<T> = T & { capped: boolean };

/** A lane of one organization. */
export type Lane = { organizationId: string; lane: string };

/** A task that is held no longer. */
export type Released = Timed<{ id: string; organizationId: string; queue: Queue; suspect: boolean }>;

/** Held tasks that one statement releases from a lane at most. */
export const RELEASE = 1_000;

/*
 * What stands around a task is looked up by its own organization. Held against a list of all that is paused or bounded, each
 * statement would read what everybody has stored.
 */

/** The closed lane that a task `t` is in, or null. */
export const PAUSED = (db: Database | Transaction) => db`(
  select p.scope || ':' || p.name from pauses p
  where p.organization_id = t.organization_id
    and (p.scope, p.name) in (('kind', t.kind), ('queue', t.queue))
  order by p.scope
  limit 1
)`;

/** Whether the organization of a task `t` bounds how many of its tasks run at once. */
export const CAPPED = (db: Database | Transaction) =>
  db`(select o.max_running is not null from organizations o where o.id = t.organization_id)`;

const BOUNDED = (db: Database | Transaction) => db`case when ${CAPPED(db)} then 'organization' end`;

/** Any lane that a task `t` has to queue up for, or null, as for most. */
export const LANE = (db: Database | Transaction) =>
  db`coalesce(${PAUSED(db)}, 'key:' || t.concurrency_key, ${BOUNDED(db)})`;

/** Whoever counts a lane's running tasks, to start or to release others, does so one after the other. */
async function lock(tx: Transaction, lanes: Fragment): Promise<void> {
  await tx`
    select pg_advisory_xact_lock(locks.key)
    from (select distinct hashtextextended(l.organization_id::text || l.lane, 0) as key from (${lanes}) l order by key) locks`;
}

/**
 * Starts attempts of due tasks as far as their lanes have room; the others are held.
 *
 * @returns `claimed`: what now runs; `settled`: the ids of these and of those that are held now
 */
export async function claimInLanes(
  db: Database,
  ids: readonly string[],
  leaseSeconds: number,
  alone: boolean,
): Promise<{ claimed: Watched<Task>[]; settled: ReadonlySet<string> }> {
  const rows = await db.begin(async (tx) => {
    await lock(
      tx,
      tx`
        select t.organization_id, lane.name as lane from tasks t
        cross join lateral (values ('key:' || t.concurrency_key), (${BOUNDED(tx)})) as lane(name)
        where t.id = any (${ids as string[]}::uuid[]) and lane.name is not null`,
    );
    return tx<(Watched<Task> & { held: boolean })[]>`
      with clock as materialized (
        select clock_timestamp() as now
      ), wanted as materialized (
        select t.id, t.organization_id, t.concurrency_key, t.concurrency_limit, t.run_at, ${PAUSED(tx)} as paused,
          (select o.max_running from organizations o where o.id = t.organization_id) as max_running
        from tasks t, clock
        where t.id = any (${ids as string[]}::uuid[]) and t.status = any (${leaves('claim')}::text[])
          and t.run_at <= clock.now and (${alone} or t.crashes = 0)
        order by t.id
        for update of t skip locked
      ), by_key as (
        select w.*,
          case when w.paused is not null then w.paused
            when w.concurrency_key is not null and w.concurrency_limit <
              row_number() over (partition by w.organization_id, w.concurrency_key order by w.run_at, w.id)
              + (select count(*) from tasks r where r.organization_id = w.organization_id
                and r.concurrency_key = w.concurrency_key and r.status = 'RUNNING')
            then 'key:' || w.concurrency_key end as key_lane
        from wanted w
      ), by_organization as (
        select k.id,
          coalesce(k.key_lane, case when k.max_running <
            row_number() over (partition by k.organization_id, k.key_lane is null order by k.run_at, k.id)
            + (select count(*) from tasks r where r.organization_id = k.organization_id and r.status = 'RUNNING')
            then 'organization' end) as lane
        from by_key k
      ), moved as (
        update tasks t
        set status = case when l.lane is null then 'RUNNING' else t.status end,
          attempt = t.attempt + case when l.lane is null then 1 else 0 end,
          lease_until = case when l.lane is null then clock_timestamp() + ${leaseSeconds} * interval '1 second' end,
          next_dispatch_at = case when l.lane is not null then 'infinity'::timestamptz end,
          dispatches = case when l.lane is not null then t.dispatches else 0 end,
          held_by = l.lane,
          progress = case when l.lane is not null then t.progress end,
          started_at = case when l.lane is null then clock_timestamp() else t.started_at end,
          updated_at = case when l.lane is null then clock_timestamp() else t.updated_at end,
          seq = t.seq + case when l.lane is null then 1 else 0 end
        from by_organization l where t.id = l.id
        returning t.*
      )
      select ${columns(tx)}, t.watchers, null as batch, t.held_by is not null as held from moved t`;
  });
  return { claimed: rows.filter(({ held }) => !held), settled: new Set(rows.map(({ id }) => id)) };
}

/**
 * Lanes in which tasks are held, of all organizations, in one order; at most `limit`.
 *
 * @param after only those that come after this one, whether anything is held in it any more or not; null for the first
 */
export async function heldLanes(db: Database, limit: number, after: Lane | null = null): Promise<Lane[]> {
  const from = after
    ? db`and (t.organization_id, t.held_by) > (${after.organizationId}::uuid, ${after.lane}::text)`
    : db``;
  // From one lane to the next along the index: the cost is that of the lanes, not of what is held in them.
  return db<Lane[]>`
    with recursive lanes as (
      (select t.organization_id, t.held_by from tasks t where t.held_by is not null ${from}
        order by t.organization_id, t.held_by limit 1)
      union all
      select next.organization_id, next.held_by from lanes l
      cross join lateral (
        select t.organization_id, t.held_by from tasks t
        where t.held_by is not null and (t.organization_id, t.held_by) > (l.organization_id, l.held_by)
        order by t.organization_id, t.held_by limit 1
      ) next
    )
    select organization_id as "organizationId", held_by as lane from lanes limit ${limit}`;
}

/**
 * Releases held tasks of the given lanes, those first that have waited longest, as far as there is room for them. Their
 * messages are the caller's to send.
 */
export async function releaseHeld(
  tx: Transaction,
  lanes: readonly Lane[],
  dispatch: DispatchSettings,
): Promise<Released[]> {
  const given = tx`
    select distinct l."organizationId" as organization_id, l.lane
    from jsonb_to_recordset(${JSON.stringify(lanes)}::jsonb) as l("organizationId" uuid, lane text)`;
  await lock(tx, given);
  return tx<Released[]>`
    with freed as (
      select h.id
      from (${given}) l
      cross join lateral (
        select case
          when l.lane like 'key:%' then (
            select t.concurrency_limit from tasks t where t.organization_id = l.organization_id and t.held_by = l.lane
            order by t.run_at limit 1
          ) - (
            select count(*) from tasks r
            where r.organization_id = l.organization_id and r.concurrency_key = substr(l.lane, 5) and r.status = 'RUNNING'
          )
          when l.lane = 'organization' then
            (select o.max_running from organizations o where o.id = l.organization_id)
            - (select count(*) from tasks r where r.organization_id = l.organization_id and r.status = 'RUNNING')
          when exists (
            select from pauses p where p.organization_id = l.organization_id and l.lane = p.scope || ':' || p.name
          ) then 0
          end as places
      ) room
      cross join lateral (
        select t.id from tasks t
        where t.organization_id = l.organization_id and t.held_by = l.lane
        order by t.run_at
        -- A bound that has gone, like a pause that has, lets everything through.
        limit least(greatest(coalesce(room.places, ${RELEASE}), 0), ${RELEASE})
      ) h
    ), taken as (
      select t.id from tasks t where t.id in (select id from freed) and t.held_by is not null
      order by t.id
      for update of t skip locked
    )
    update tasks t
    set held_by = null,
      next_dispatch_at = ${nextDispatch(tx, tx`greatest(t.run_at, clock_timestamp())`, dispatch)}
    from taken where t.id = taken.id
    returning t.id, t.organization_id as "organizationId", t.queue, t.crashes > 0 as suspect, ${dueIn(tx)}`;
}
