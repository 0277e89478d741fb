import type { Database, Transaction } from '../../../database/connect.ts';
import type { Queue, Task, Watched } from '../../task.ts';
import { type Fragment, fromStatuses, type Timed, taskColumnsSql } from '../fragments/columns.ts';
import { boundedLaneSql, type Capped, pausedLaneSql, usedKeyPlacesSql } from '../fragments/lanes.ts';
import { isNetworkLane, networkLane, quotaSql, usedNetworkPlacesSql } from '../fragments/network-places.ts';

/*
 * A lane is what tasks of one organization may have to queue up for: `key:<concurrency key>`, which lets so many run at once;
 * `network:<user>`, see fragments/network-places.ts; `organization`, when there is a bound for all of its tasks; `kind:<kind>` and `queue:<queue>` while they are paused.
 *
 * A due task whose lane is full or closed is held: it keeps the lane's name in `held_by`, and nobody looks after it
 * (`next_dispatch_at` is infinity) until somebody releases it: a worker that has freed a place, a person who has resumed,
 * cancelled or bound something, and every tick of the dispatcher, should these have died in between.
 *
 * A task passes the lanes in this order: its key's, that of the network, its organization's. While it is held in one of them it has
 * its places of those before, which count as taken unless the task is paused. So the next task of a lane can always use a freed
 * place: nobody has to search a million tasks of a full key for one that can run.
 *
 * A task is bound by its own `concurrency_limit`. Held tasks of a key are released in the order of their due times, then ids; one
 * with a smaller limit is not overtaken by those that are held behind it.
 */

/** A lane of one organization. */
export type Lane = { organizationId: string; lane: string };

/** What says in which lanes a task has places. */
type Placed = Pick<Task, 'organizationId' | 'createdBy' | 'concurrencyKey' | 'waitsForNetwork'>;

/** A task that is held no longer. */
export type Released = Timed<{ id: string; organizationId: string; queue: Queue; suspect: boolean }>;

/** Held tasks that one statement releases from a lane at most. */
export const MAX_RELEASED = 1_000;

/** Whoever counts a lane's running tasks, to start or to release others, does so one after the other. */
export async function lockLanes(tx: Transaction, lanes: Fragment): Promise<void> {
  await tx`
    select pg_advisory_xact_lock(locks.key)
    from (select distinct hashtextextended(l.organization_id::text || l.lane, 0) as key from (${lanes}) l order by key) locks`;
}

/**
 * Starts attempts of due tasks as far as their lanes have room; the others are held.
 *
 * @returns `claimed`: what now runs; `settled`: the ids of these and of those that are held now; `vacated`: lanes in which those
 *   that are held now may have left a place
 */
export async function claimInLanes(
  db: Database,
  { ids, leaseSeconds, alone }: { ids: readonly string[]; leaseSeconds: number; alone: boolean },
): Promise<{ claimed: Watched<Task>[]; settled: ReadonlySet<string>; vacated: Lane[] }> {
  const rows = await db.begin(async (tx) => {
    await lockLanes(
      tx,
      tx`
        select lane.owner as organization_id, lane.name as lane from tasks t
        cross join lateral (
          values (t.organization_id, 'key:' || t.concurrency_key), (t.organization_id, ${boundedLaneSql(tx)}),
            (t.organization_id, case when t.waits_for_network then 'network' end),
            (t.created_by, case when t.waits_for_network then 'network' end)
        ) as lane(owner, name)
        where t.id = any (${ids as string[]}::uuid[]) and lane.owner is not null and lane.name is not null`,
    );
    return tx<(Watched<Task> & { heldBy: string | null; capped: boolean })[]>`
      with clock as materialized (
        select clock_timestamp() as now
      ), wanted as materialized (
        select t.id, t.organization_id, t.concurrency_key, t.concurrency_limit, t.run_at, ${pausedLaneSql(tx)} as paused,
          t.created_by, t.waits_for_network,
          (select o.max_running from organizations o where o.id = t.organization_id) as max_running
        from tasks t, clock
        where t.id = any (${ids as string[]}::uuid[]) and t.status = any (${fromStatuses('claim')}::text[])
          and t.run_at <= clock.now and (${alone} or t.crashes = 0)
        order by t.id
        for update of t skip locked
      ), keys as materialized (
        select k.organization_id, k.concurrency_key,
          ${usedKeyPlacesSql(tx, tx`k.organization_id`, tx`k.concurrency_key`)} as taken
        from (select distinct w.organization_id, w.concurrency_key from wanted w where w.concurrency_key is not null) k
      ), by_key as (
        select w.*,
          case when w.paused is not null then w.paused
            when w.concurrency_limit < k.taken
              + row_number() over (partition by w.organization_id, w.concurrency_key, w.paused is null order by w.run_at, w.id)
            then 'key:' || w.concurrency_key end as key_lane
        from wanted w left join keys k using (organization_id, concurrency_key)
      ), users as materialized (
        select u.created_by, ${usedNetworkPlacesSql(tx, tx`t.created_by = u.created_by`, pausedLaneSql(tx))} as taken
        from (select distinct w.created_by from wanted w where w.waits_for_network and w.created_by is not null) u
      ), by_user as (
        select k.*, coalesce(k.key_lane, case when k.waits_for_network and ${quotaSql(tx, 'running_requests_of_user')} < u.taken
          + row_number() over (partition by k.created_by, k.waits_for_network, k.key_lane is null order by k.run_at, k.id)
          then 'network:' || k.created_by end) as user_lane
        from by_key k left join users u using (created_by)
      ), homes as materialized (
        select h.organization_id, ${usedNetworkPlacesSql(tx, tx`t.organization_id = h.organization_id`, pausedLaneSql(tx))} as taken
        from (select distinct w.organization_id from wanted w where w.waits_for_network) h
      ), by_network as (
        select u.*, coalesce(u.user_lane, case
          when u.waits_for_network and ${quotaSql(tx, 'running_requests_of_organization')} < h.taken
            + row_number() over (partition by u.organization_id, u.waits_for_network, u.user_lane is null order by u.run_at, u.id)
          then 'network:' || coalesce(u.created_by::text, '') end) as network_lane
        from by_user u left join homes h using (organization_id)
      ), by_organization as (
        select n.id, n.max_running is not null as capped,
          coalesce(n.network_lane, case when n.max_running <
            row_number() over (partition by n.organization_id, n.network_lane is null order by n.run_at, n.id)
            + (select count(*) from tasks r where r.organization_id = n.organization_id and r.status = 'RUNNING')
            then 'organization' end) as lane
        from by_network n
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
        returning t.*, l.capped
      )
      select ${taskColumnsSql(tx)}, t.watchers, null as batch, t.held_by as "heldBy", t.capped from moved t`;
  });
  return {
    claimed: rows.filter(({ heldBy }) => heldBy === null),
    settled: new Set(rows.map(({ id }) => id)),
    vacated: [...rows.flatMap(vacatedBy), ...lanesWithFreePlaces(rows)],
  };
}

/**
 * Lanes of the network that may have places left although a statement has held tasks in them: a task that its organization has no
 * place for counts for its user in the same statement, where tasks of several stand side by side.
 */
function lanesWithFreePlaces(rows: readonly (Capped<Placed> & { heldBy: string | null })[]): Lane[] {
  const owners = new Set(
    rows.flatMap((row) => (row.waitsForNetwork ? `${row.organizationId} ${row.createdBy}` : [])),
  );
  if (owners.size < 2) return [];
  const lanes = new Map<string, Lane>();
  for (const { organizationId, heldBy } of rows) {
    if (heldBy && isNetworkLane(heldBy))
      lanes.set(`${organizationId} ${heldBy}`, { organizationId, lane: heldBy });
  }
  return [...lanes.values()];
}

/** The lanes in which a task that is held in another one may have left a place that was meant for it. */
export function vacatedBy(task: Capped<Placed> & { heldBy: string | null }): Lane[] {
  const { heldBy } = task;
  if (heldBy === null || heldBy === 'organization' || isNetworkLane(heldBy)) return [];
  return lanesOf(task).filter(({ lane }) => lane !== heldBy);
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

/** Lanes in which tasks of one organization are held, those of the organization itself and of its pauses first. */
export async function heldLanesOf(tx: Transaction, organizationId: string, limit: number): Promise<Lane[]> {
  return tx<Lane[]>`
    with recursive lanes as (
      (select t.held_by from tasks t where t.organization_id = ${organizationId} and t.held_by is not null
        order by t.held_by desc limit 1)
      union all
      select next.held_by from lanes l
      cross join lateral (
        select t.held_by from tasks t
        where t.organization_id = ${organizationId} and t.held_by is not null and t.held_by < l.held_by
        order by t.held_by desc limit 1
      ) next
    )
    select ${organizationId}::uuid as "organizationId", held_by as lane from lanes limit ${limit}`;
}

/** The lanes in which a task has left a place, or may have. */
export function lanesOf({
  organizationId,
  createdBy,
  concurrencyKey,
  waitsForNetwork,
  capped,
}: Capped<Placed>): Lane[] {
  return [
    ...(concurrencyKey === null ? [] : [{ organizationId, lane: `key:${concurrencyKey}` }]),
    ...(waitsForNetwork ? [{ organizationId, lane: networkLane(createdBy) }] : []),
    ...(capped ? [{ organizationId, lane: 'organization' }] : []),
  ];
}
