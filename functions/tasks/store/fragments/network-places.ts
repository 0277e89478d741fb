import type { Database, Transaction } from '../../../database/connect.ts';
import type { Fragment } from './columns.ts';

/*
 * A task of a kind that waits for the network needs two places while it runs: one of its organization, and one of the user who
 * created it, over all organizations. Without the second bound, a user could multiply places by making organizations.
 *
 * A task without a place is held in the lane `network:<user>` of its organization, so that each lane has tasks of one user only.
 * A release can then skip a user without places, and never reads a million tasks that cannot run.
 */

/** Beginning of the names of network lanes. */
const PREFIX = 'network:';

/** Returns the lane that holds a task which waits for the network and has no place. @param userId null when its user is gone */
export const networkLane = (userId: string | null): string => `${PREFIX}${userId ?? ''}`;

export const isNetworkLane = (lane: string): boolean => lane.startsWith(PREFIX);

/** The value of a quota. A statement looks it up once. */
export const quotaSql = (
  db: Database | Transaction,
  name: 'running_requests_of_organization' | 'running_requests_of_user',
) => db`(select q.value from quotas q where q.name = ${name})`;

/**
 * Number of taken places: tasks that run, and tasks that wait only for their organization's own limit and are not paused.
 *
 * @param owner condition on tasks `t`: their organization, or their user
 * @param paused the paused lane of a task `t`, or null
 */
export const usedNetworkPlacesSql = (db: Database | Transaction, owner: Fragment, paused: Fragment) => db`(
  select count(*) from tasks t
  where ${owner} and t.waits_for_network and (t.status = 'RUNNING' or t.held_by = 'organization')
    and (t.status = 'RUNNING' or ${paused} is null)
)`;

/** The user of the lane `l`, or null. */
export const userOfLaneSql = (db: Database | Transaction) =>
  db`nullif(substr(l.lane, ${PREFIX.length + 1}), '')::uuid`;

/** The locks for these lanes: one for the organization of `l`, and one for the user. */
export const networkLocksSql = (db: Database | Transaction, lanes: Fragment) => db`
  select l.organization_id, 'network' as lane from (${lanes}) l where l.lane like 'network:%'
  union
  select ${userOfLaneSql(db)}, 'network' from (${lanes}) l where l.lane like 'network:%' and l.lane <> 'network:'`;

/** Lanes of one organization, or of one user, that a free place is offered to. The dispatcher's ticks look at the other lanes. */
const MAX_LANES = 100;

/**
 * The lanes whose tasks can use a place that became free in one of the given lanes: lanes of the same organization, and lanes of
 * the same user elsewhere. The query steps from lane to lane along an index, however many tasks each lane holds.
 *
 * @param lanes relation with `organization_id` and `lane`
 */
export const networkLanesSql = (db: Database | Transaction, lanes: Fragment) => db`
  select g.organization_id, x.held_by as lane
  from (select distinct l.organization_id from (${lanes}) l where l.lane like 'network:%') g
  cross join lateral (
    with recursive lane as (
      (select t.held_by from tasks t
        where t.organization_id = g.organization_id and t.held_by >= 'network:' and t.held_by < 'network;'
        order by t.held_by limit 1)
      union all
      select next.held_by from lane
      cross join lateral (
        select t.held_by from tasks t
        where t.organization_id = g.organization_id and t.held_by > lane.held_by and t.held_by < 'network;'
        order by t.held_by limit 1
      ) next
    )
    select held_by from lane limit ${MAX_LANES}
  ) x
  union
  select x.organization_id, g.lane
  from (select distinct l.lane from (${lanes}) l where l.lane like 'network:%' and l.lane <> 'network:') g
  cross join lateral (
    with recursive home as (
      (select t.organization_id from tasks t where t.held_by like 'network:%' and t.held_by = g.lane
        order by t.organization_id limit 1)
      union all
      select next.organization_id from home
      cross join lateral (
        select t.organization_id from tasks t
        where t.held_by like 'network:%' and t.held_by = g.lane and t.organization_id > home.organization_id
        order by t.organization_id limit 1
      ) next
    )
    select organization_id from home limit ${MAX_LANES}
  ) x`;
