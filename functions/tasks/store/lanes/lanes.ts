import type { Database, Transaction } from '../../../database/connect.ts';
import type { Queue, Task, Watched } from '../../task.ts';
import { type Fragment, fromStatuses, type Timed, taskColumnsSql } from '../fragments/columns.ts';
import { boundedLaneSql, type Capped, pausedLaneSql, usedKeyPlacesSql } from '../fragments/lanes.ts';
import { isNetworkLane, networkLane, quotaSql, usedNetworkPlacesSql } from '../fragments/network-places.ts';

/*
 * A lane is a queue for a place, among tasks of one organization: `key:<concurrency key>`, with a limit of tasks that run at
 * once; `network:<user>`, see fragments/network-places.ts; `organization`, when there is a limit for all of its tasks;
 * `kind:<kind>` and `queue:<queue>` while they are paused.
 *
 * A due task whose lane is full or paused is held: it keeps the lane's name in `held_by`, and the dispatcher sends no message for
 * it (`next_dispatch_at` is infinity) until the task is released. A worker releases held tasks when it has freed a place. A
 * request does after a resume, a cancel or a change of a limit. Every tick of the dispatcher does too, in case the others died
 * before.
 *
 * A task passes the lanes in this order: its key's, the network's, its organization's. A task that is held in one of them keeps
 * its places of the lanes before. These places count as taken unless the task is paused. So the next task of a lane can always
 * use a freed place: no statement has to search a million tasks of a full key for one that can run.
 *
 * A task is bound by its own `concurrency_limit`. Held tasks of a key are released in the order of their due times, then ids. A
 * task with a smaller limit is not overtaken by the tasks that are held behind it.
 */

/** A lane of one organization. */
export type Lane = { organizationId: string; lane: string };

/** The fields that determine in which lanes a task has places. */
type Placed = Pick<Task, 'organizationId' | 'createdBy' | 'concurrencyKey' | 'waitsForNetwork'>;

/** A task that is no longer held. */
export type Released = Timed<{ id: string; organizationId: string; queue: Queue; suspect: boolean }>;

/** Upper bound of the held tasks that one statement releases from a lane. */
export const MAX_RELEASED = 1_000;

/**
 * Locks lanes. Statements that count the running tasks of a lane, to start or to release others, must run one after the other.
 */
export async function lockLanes(tx: Transaction, lanes: Fragment): Promise<void> {
  await tx`
    select pg_advisory_xact_lock(locks.key)
    from (select distinct hashtextextended(l.organization_id::text || l.lane, 0) as key from (${lanes}) l order by key) locks`;
}

/**
 * Starts attempts of due tasks whose lanes have room, and holds the others.
 *
 * @returns `claimed`: the tasks that now run; `settled`: the ids of these and of the tasks that are held now; `vacated`: lanes in
 *   which the tasks that are held now may have left a place
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
 * Returns network lanes that may have free places although a statement has held tasks in them. When a statement claims tasks of
 * several organizations or users, a task without a place of its organization still counts against its user.
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

/** Returns the lanes in which a task that is held elsewhere may have left a place. */
export function vacatedBy(task: Capped<Placed> & { heldBy: string | null }): Lane[] {
  const { heldBy } = task;
  if (heldBy === null || heldBy === 'organization' || isNetworkLane(heldBy)) return [];
  return lanesOf(task).filter(({ lane }) => lane !== heldBy);
}

/**
 * Returns at most `limit` lanes that hold tasks, of all organizations, in a fixed order.
 *
 * @param after only lanes after this one, which may be empty by now; null for the first lanes
 */
export async function heldLanes(db: Database, limit: number, after: Lane | null = null): Promise<Lane[]> {
  const from = after
    ? db`and (t.organization_id, t.held_by) > (${after.organizationId}::uuid, ${after.lane}::text)`
    : db``;
  // Steps from lane to lane along the index. The cost depends on the number of lanes, not of held tasks.
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

/** Returns the lanes of one organization that hold tasks, in descending order of their names, so that lanes of keys come last. */
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

/** Returns the lanes in which a task may have left a place. */
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
