import type { Transaction } from '../../../database/connect.ts';
import type { DispatchSettings } from '../../task.ts';
import { dueInSecondsSql, type Fragment, nextDispatchSql } from '../fragments/columns.ts';
import { pausedLaneSql, usedKeyPlacesSql } from '../fragments/lanes.ts';
import {
  networkLanesSql,
  networkLocksSql,
  quotaSql,
  usedNetworkPlacesSql,
  userOfLaneSql,
} from '../fragments/network-places.ts';
import { type Lane, lockLanes, MAX_RELEASED, type Released } from './lanes.ts';

/**
 * The next held tasks of a lane, in the order of their due times, then ids. The lane is the relation `l`, with the arrays `kinds`
 * and `queues`: the combinations of kind and queue that are held in it and not paused. Each combination is read along the index,
 * so that a million paused tasks are never read.
 */
const nextHeldSql = (tx: Transaction, count: Fragment, after: Fragment) => tx`(
  select h.id, h.run_at, h.concurrency_limit
  from unnest(l.kinds, l.queues) as c(kind, queue)
  cross join lateral (
    select t.id, t.run_at, t.concurrency_limit from tasks t
    where t.organization_id = l.organization_id and t.held_by = l.lane and t.kind = c.kind and t.queue = c.queue ${after}
    order by t.run_at, t.id
    limit ${count}
  ) h
  order by h.run_at, h.id
  limit ${count}
)`;

const givenLanesSql = (tx: Transaction, lanes: readonly Lane[]) => tx`
  select l."organizationId" as organization_id, l.lane
  from jsonb_to_recordset(${JSON.stringify(lanes)}::jsonb) as l("organizationId" uuid, lane text)`;

/** The given lanes, and for each lane of a key the lane of its organization, because a released task of a key continues there. */
const lanesToFillSql = (tx: Transaction, lanes: readonly Lane[]) => tx`
  ${givenLanesSql(tx, lanes)}
  union
  select l."organizationId", 'organization'
  from jsonb_to_recordset(${JSON.stringify(lanes)}::jsonb) as l("organizationId" uuid, lane text)
  where l.lane like 'key:%'`;

/**
 * Releases held tasks of the given lanes that can run now, those first that have been due longest, as far as there are places.
 * Paused tasks are skipped. A task that gets a place of its key but none of its organization moves on to the lane of the
 * organization, and keeps the place of its key. The caller sends the messages of released tasks.
 *
 * The number of rows read is bounded by the places and by the combinations of kind and queue, however many tasks are held.
 */
export async function releaseHeld(
  tx: Transaction,
  lanes: readonly Lane[],
  dispatch: DispatchSettings,
): Promise<Released[]> {
  await lockLanes(
    tx,
    tx`${lanesToFillSql(tx, lanes)} union ${networkLocksSql(tx, givenLanesSql(tx, lanes))}`,
  );
  const nothing = tx``;
  const rows = await tx<(Released & { held: boolean })[]>`
    with recursive given as materialized (
      ${lanesToFillSql(tx, lanes)}
      union
      ${networkLanesSql(tx, givenLanesSql(tx, lanes))}
    ), open as materialized (
      select g.organization_id, g.lane, c.kinds, c.queues
      from given g
      cross join lateral (
        with recursive class as (
          (select t.kind, t.queue from tasks t
            where t.organization_id = g.organization_id and t.held_by = g.lane
            order by t.kind, t.queue limit 1)
          union all
          select next.kind, next.queue from class
          cross join lateral (
            select t.kind, t.queue from tasks t
            where t.organization_id = g.organization_id and t.held_by = g.lane
              and (t.kind, t.queue) > (class.kind, class.queue)
            order by t.kind, t.queue limit 1
          ) next
        )
        select array_agg(t.kind) as kinds, array_agg(t.queue) as queues
        from (select g.organization_id, class.kind, class.queue from class) t
        where ${pausedLaneSql(tx)} is null
      ) c
      where c.kinds is not null
    ), bounds as materialized (
      -- Free places of each organization; null means no limit.
      select distinct g.organization_id, o.max_running - (
          select count(*) from tasks r where r.organization_id = g.organization_id and r.status = 'RUNNING'
        ) as places
      from given g join organizations o on o.id = g.organization_id
      where g.lane = 'organization'
    ), entering as (
      -- Tasks enter one after the other: each has its own limit, and no task overtakes a task that must wait.
      select l.organization_id, l.lane, l.kinds, l.queues, k.taken + 1 as place, 1 as nth, h.*
      from open l
      cross join lateral (select ${usedKeyPlacesSql(tx, tx`l.organization_id`, tx`substr(l.lane, 5)`)} as taken) k
      cross join lateral ${nextHeldSql(tx, tx`1`, nothing)} h
      where l.lane like 'key:%' and k.taken < h.concurrency_limit
      union all
      select l.organization_id, l.lane, l.kinds, l.queues, l.place + 1, l.nth + 1, h.*
      from entering l
      cross join lateral ${nextHeldSql(tx, tx`1`, tx`and (t.run_at, t.id) > (l.run_at, l.id)`)} h
      where l.place < h.concurrency_limit and l.nth < ${MAX_RELEASED}
    ), waiting as (
      select e.organization_id, e.id, e.run_at, true as enters from entering e
      union all
      -- A bound that was removed releases all tasks.
      select l.organization_id, h.id, h.run_at, false
      from open l join bounds b using (organization_id)
      cross join lateral ${nextHeldSql(tx, tx`least(greatest(coalesce(b.places, ${MAX_RELEASED}), 0), ${MAX_RELEASED})`, nothing)} h
      where l.lane = 'organization'
    ), network as materialized (
      -- Free places of each lane's organization and user. Tasks of a deleted user have the places of the organization.
      select o.*, greatest(0, ${quotaSql(tx, 'running_requests_of_organization')} - o.of_organization) as organization_places,
        case when o.of_user is null then ${MAX_RELEASED} else greatest(0, ${quotaSql(tx, 'running_requests_of_user')} - o.of_user) end as user_places
      from (
        select l.*, ${usedNetworkPlacesSql(tx, tx`t.organization_id = l.organization_id`, pausedLaneSql(tx))} as of_organization,
          case when l.lane <> 'network:' then ${usedNetworkPlacesSql(tx, tx`t.created_by = ${userOfLaneSql(tx)}`, pausedLaneSql(tx))} end as of_user
        from open l where l.lane like 'network:%'
      ) o
    ), connecting as (
      select l.*, h.id,
        row_number() over (partition by l.organization_id order by h.run_at, h.id) as nth_of_organization,
        row_number() over (partition by l.lane order by h.run_at, h.id) as nth_of_user
      from network l
      cross join lateral ${nextHeldSql(tx, tx`least(l.organization_places, l.user_places, ${MAX_RELEASED})`, nothing)} h
    ), fate as (
      select w.id, w.enters, coalesce(
        row_number() over (partition by w.organization_id order by w.run_at, w.id) <= b.places, true) as goes
      from waiting w join bounds b using (organization_id)
      union all
      -- A pause that was removed also releases all tasks. Their claim then finds their next lane.
      select h.id, false, true
      from open l
      cross join lateral ${nextHeldSql(tx, tx`${MAX_RELEASED}::integer`, nothing)} h
      where l.lane like 'kind:%' or l.lane like 'queue:%'
      union all
      select c.id, false, true from connecting c
      where c.nth_of_organization <= c.organization_places and c.nth_of_user <= c.user_places
    ), taken as (
      select t.id, f.goes from tasks t join fate f on f.id = t.id
      where (f.goes or f.enters) and t.held_by is not null
      order by t.id
      for update of t skip locked
    )
    update tasks t
    set held_by = case when taken.goes then null else 'organization' end,
      next_dispatch_at = case when taken.goes then ${nextDispatchSql(tx, tx`greatest(t.run_at, clock_timestamp())`, dispatch)}
        else 'infinity' end
    from taken where t.id = taken.id
    returning t.id, t.organization_id as "organizationId", t.queue, t.crashes > 0 as suspect, ${dueInSecondsSql(tx)},
      t.held_by is not null as held`;
  return rows.filter(({ held }) => !held).map(({ held: _, ...released }) => released);
}
