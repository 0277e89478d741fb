import type { Database, Transaction } from '../../database/connect.ts';
import type { Fragment } from './fragments/columns.ts';

/*
 * Every statement that creates tasks, ends them, or brings them back counts those that have not ended. It does so last, when it holds
 * all its locks on tasks and batches: two such statements never wait for each other.
 */

/** Stands for the user of tasks that nobody has created, or whose user is gone. */
const NOBODY = '00000000-0000-0000-0000-000000000000';

/**
 * Rows in which the tasks of one organization and user are counted, by connection. Two connections with one row wait for each other's
 * commit. With 8 rows and 16 clients of one organization, the statement that creates a task took 1.5 times as long.
 */
const SHARDS = 64;

/**
 * A further part of a `with` that counts.
 *
 * @param source relation with the `organization_id` and `created_by` of tasks
 * @param each   what each of these tasks adds
 * @param where  condition on its rows `m`
 */
export const counting = (
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

/** Tasks that may be created between two counts. An owner with fewer places left is summed up exactly. */
const NEAR = 1_000_000;

/** A count this old says nothing any more: then everybody is summed up exactly. */
const STALE_SECONDS = 300;

/**
 * The bound that has no room for so many more tasks of an organization and a user, as a `FullBound`; null when there is room.
 * Costs two look-ups in tables of nearly no rows, unless an owner is near a bound.
 */
export const fullBoundFor = (
  db: Database | Transaction,
  { organizationId, userId, count }: { organizationId: Fragment; userId: Fragment; count: number },
) => db`
  case when (select p.everybody_is_near or p.counted_at < now() - make_interval(secs => ${STALE_SECONDS}) from pending_in_installation p)
      or exists (select from near_bounds n where n.owner_id in (${organizationId}, ${userId}))
    then full_bound(${organizationId}, ${userId}, ${count}) end`;

/** @returns undefined when there is room */
export async function fullBound(
  tx: Transaction,
  { organizationId, userId, count }: { organizationId: string; userId: string | null; count: number },
): Promise<FullBound | undefined> {
  const owners = { organizationId: tx`${organizationId}::uuid`, userId: tx`${userId}::uuid`, count };
  const [row] = await tx<{ full: FullBound | null }[]>`select ${fullBoundFor(tx, owners)} as full`;
  return row?.full ?? undefined;
}

/** The same for one task that would be brought back. */
export async function fullBoundOf(tx: Transaction, id: string): Promise<FullBound | undefined> {
  const owners = { organizationId: tx`t.organization_id`, userId: tx`t.created_by`, count: 1 };
  const [row] = await tx<{ full: FullBound | null }[]>`
    select ${fullBoundFor(tx, owners)} as full from tasks t where t.id = ${id}`;
  return row?.full ?? undefined;
}

/** The row into which the dispatcher adds those of connections. */
const SUM = SHARDS;

/**
 * Adds the rows of connections together, so that there are few to sum up however many connections have counted.
 *
 * @param limit rows at most
 */
export async function addPendingTogether(db: Database, limit: number): Promise<void> {
  await db`
    with counted as materialized (
      select p.organization_id, p.user_id, p.shard from pending_tasks p
      where p.shard <> ${SUM} or (p.pending = 0 and not exists (
        select from pending_tasks o where (o.organization_id, o.user_id) = (p.organization_id, p.user_id) and o.shard <> ${SUM}
      ))
      order by p.organization_id, p.user_id, p.shard limit ${limit}
      -- A row that somebody holds is added another time.
      for update skip locked
    ), removed as (
      delete from pending_tasks p using counted c
      where (p.organization_id, p.user_id, p.shard) = (c.organization_id, c.user_id, c.shard)
      returning p.organization_id, p.user_id, p.shard, p.pending
    )
    insert into pending_tasks as p (organization_id, user_id, shard, pending)
    select r.organization_id, r.user_id, ${SUM}, sum(r.pending) from removed r where r.shard <> ${SUM}
    group by r.organization_id, r.user_id having sum(r.pending) <> 0
    on conflict (organization_id, user_id, shard) do update set pending = p.pending + excluded.pending`;
}

/** Sums up all that has not ended, and marks who is near a bound. */
export async function countPending(db: Database): Promise<number> {
  const [row] = await db<{ pending: number }[]>`
    with counted as materialized (
      select p.organization_id, p.user_id, sum(p.pending) as pending from pending_tasks p group by p.organization_id, p.user_id
    ), installation as (
      select coalesce(sum(c.pending), 0) as pending from counted c
    ), near as materialized (
      select o.id from (
        select 'pending_of_organization' as bound, c.organization_id as id, sum(c.pending) as pending from counted c
        group by c.organization_id
        union all
        select 'pending_of_user', c.user_id, sum(c.pending) from counted c where c.user_id <> ${NOBODY} group by c.user_id
      ) o join quotas q on q.name = o.bound
      where o.pending > q.value - ${NEAR}
    ), dropped as (
      delete from near_bounds n where not exists (select from near o where o.id = n.owner_id)
    ), added as (
      insert into near_bounds (owner_id) select o.id from near o on conflict do nothing
    )
    update pending_in_installation p
    set pending = i.pending, counted_at = now(), everybody_is_near = exists (
      select from quotas q
      where q.name like 'pending\\_of\\_%'
        and case q.name when 'pending_of_installation' then i.pending else 0 end > q.value - ${NEAR}
    )
    from installation i
    returning p.pending`;
  return row?.pending ?? 0;
}
