import type { Database, Transaction } from '../../../database/connect.ts';
import type { Fragment } from './columns.ts';

/*
 * Every statement that creates tasks, ends them, or brings them back updates the count of unfinished tasks. It does so last, when
 * it holds all its locks on tasks and batches, so that two such statements never deadlock.
 */

/** The user id for tasks without a creator, or whose user is gone. */
export const NOBODY = '00000000-0000-0000-0000-000000000000';

/**
 * Number of counter rows for one organization and user. Each connection uses one of them. Two connections with one row wait for
 * each other's commit. With 8 rows and 16 clients of one organization, the statement that creates a task took 1.5 times as long.
 */
export const SHARDS = 64;

/**
 * Part of a `with` that updates the counters.
 *
 * @param source relation with the `organization_id` and `created_by` of tasks
 * @param each   amount that each of these tasks adds
 * @param where  condition on its rows `m`
 */
export const pendingCountersSql = (
  db: Database | Transaction,
  source: string,
  { each, where = db`true` }: { each: 1 | -1; where?: Fragment },
) => db`
  pending as (
    insert into pending_tasks as p (organization_id, user_id, shard, pending)
    select m.organization_id, coalesce(m.created_by, ${NOBODY}::uuid) as user_id, pg_backend_pid() % ${SHARDS}, ${each}::integer * count(*)
    from ${db(source)} m
    where ${where}
    group by m.organization_id, user_id
    order by m.organization_id, user_id
    on conflict (organization_id, user_id, shard) do update set pending = p.pending + excluded.pending
  )`;

/** The owner whose bound has no room for the new tasks. */
export type FullBound = 'organization' | 'user' | 'installation';

/** Age in seconds at which a count is too old. Then every owner's tasks are counted exactly. */
const STALE_SECONDS = 300;

/**
 * The bound that has no room for `count` more tasks of an organization and a user, as a `FullBound`; null when there is room. It
 * costs two look-ups in nearly empty tables, unless an owner is near a bound.
 */
export const fullBoundSql = (
  db: Database | Transaction,
  { organizationId, userId, count }: { organizationId: Fragment; userId: Fragment; count: number },
) => db`
  case when (select p.everybody_is_near or p.counted_at < now() - make_interval(secs => ${STALE_SECONDS}) from pending_in_installation p)
      or exists (select from near_bounds n where n.owner_id in (${organizationId}, ${userId}))
    then full_bound(${organizationId}, ${userId}, ${count}) end`;
