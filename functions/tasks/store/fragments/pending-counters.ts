import type { Database, Transaction } from '../../../database/connect.ts';
import type { Fragment } from './columns.ts';

/*
 * Every statement that creates tasks, ends them, or brings them back counts those that have not ended. It does so last, when it holds
 * all its locks on tasks and batches: two such statements never wait for each other.
 */

/** Stands for the user of tasks that nobody has created, or whose user is gone. */
export const NOBODY = '00000000-0000-0000-0000-000000000000';

/**
 * Rows in which the tasks of one organization and user are counted, by connection. Two connections with one row wait for each other's
 * commit. With 8 rows and 16 clients of one organization, the statement that creates a task took 1.5 times as long.
 */
export const SHARDS = 64;

/**
 * A further part of a `with` that counts.
 *
 * @param source relation with the `organization_id` and `created_by` of tasks
 * @param each   what each of these tasks adds
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

/** Whose bound has no room for so many more tasks. */
export type FullBound = 'organization' | 'user' | 'installation';

/** A count this old says nothing any more: then everybody is summed up exactly. */
const STALE_SECONDS = 300;

/**
 * The bound that has no room for so many more tasks of an organization and a user, as a `FullBound`; null when there is room.
 * Costs two look-ups in tables of nearly no rows, unless an owner is near a bound.
 */
export const fullBoundSql = (
  db: Database | Transaction,
  { organizationId, userId, count }: { organizationId: Fragment; userId: Fragment; count: number },
) => db`
  case when (select p.everybody_is_near or p.counted_at < now() - make_interval(secs => ${STALE_SECONDS}) from pending_in_installation p)
      or exists (select from near_bounds n where n.owner_id in (${organizationId}, ${userId}))
    then full_bound(${organizationId}, ${userId}, ${count}) end`;
