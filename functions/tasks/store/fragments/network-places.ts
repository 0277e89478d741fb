import type { Database, Transaction } from '../../../database/connect.ts';
import type { Fragment } from './columns.ts';

/*
 * A task of a kind that waits for the network needs a place while it runs: one of its organization's and one of those of the user who
 * created it, over all organizations. Without the second bound, a user could have as many places as organizations.
 *
 * A task without such a place is held in the lane `network:<user>` of its organization, so that each lane has tasks of one user only:
 * a release can pass over a user without places, and never reads a million tasks that cannot run.
 */

/** How the names of these lanes begin. */
const PREFIX = 'network:';

/** The lane in which a task is held that waits for the network and has no place. @param userId null when its user is gone */
export const networkLane = (userId: string | null): string => `${PREFIX}${userId ?? ''}`;

export const isNetworkLane = (lane: string): boolean => lane.startsWith(PREFIX);

/** The value of a quota, looked up once in a statement. */
export const quotaSql = (
  db: Database | Transaction,
  name: 'running_requests_of_organization' | 'running_requests_of_user',
) => db`(select q.value from quotas q where q.name = ${name})`;

/**
 * How many places are taken: by what runs, and by what waits for its organization's own bound alone, as long as that is not paused.
 *
 * @param owner condition on tasks `t`: their organization, or their user
 * @param paused the closed lane of a task `t`, or null
 */
export const usedNetworkPlacesSql = (db: Database | Transaction, owner: Fragment, paused: Fragment) => db`(
  select count(*) from tasks t
  where ${owner} and t.waits_for_network and (t.status = 'RUNNING' or t.held_by = 'organization')
    and (t.status = 'RUNNING' or ${paused} is null)
)`;

/** The user of the lane `l`, or null. */
export const userOfLaneSql = (db: Database | Transaction) =>
  db`nullif(substr(l.lane, ${PREFIX.length + 1}), '')::uuid`;

/** What stands for these lanes in the locks of lanes: one of the organization `l`, and one of the user. */
export const networkLocksSql = (db: Database | Transaction, lanes: Fragment) => db`
  select l.organization_id, 'network' as lane from (${lanes}) l where l.lane like 'network:%'
  union
  select ${userOfLaneSql(db)}, 'network' from (${lanes}) l where l.lane like 'network:%' and l.lane <> 'network:'`;

/** Lanes of one organization, or of one user, that a freed place is looked for in. The dispatcher's ticks go through the others. */
const MAX_LANES = 100;

/**
 * The lanes whose tasks can use a place that was left in one of the given lanes: those of the same organization, and those of the same
 * user elsewhere. From one to the next along an index, however many tasks are held in each.
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
