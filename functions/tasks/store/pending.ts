import type { Database, Transaction } from '../../database/connect.ts';
import { type FullBound, fullBoundSql, NOBODY, SHARDS } from './fragments/pending-counters.ts';

/** Upper bound of the tasks that may be created between two counts. An owner with less room is counted exactly. */
const NEAR = 1_000_000;

/** Returns the bound that has no room for `count` more tasks; undefined when there is room. */
export async function fullBound(
  tx: Transaction,
  { organizationId, userId, count }: { organizationId: string; userId: string | null; count: number },
): Promise<FullBound | undefined> {
  const owners = { organizationId: tx`${organizationId}::uuid`, userId: tx`${userId}::uuid`, count };
  const [row] = await tx<{ full: FullBound | null }[]>`select ${fullBoundSql(tx, owners)} as full`;
  return row?.full ?? undefined;
}

/** Returns the bound that has no room for one task that would be brought back; undefined when there is room. */
export async function fullBoundOf(tx: Transaction, id: string): Promise<FullBound | undefined> {
  const owners = { organizationId: tx`t.organization_id`, userId: tx`t.created_by`, count: 1 };
  const [row] = await tx<{ full: FullBound | null }[]>`
    select ${fullBoundSql(tx, owners)} as full from tasks t where t.id = ${id}`;
  return row?.full ?? undefined;
}

/** The shard of the row into which the dispatcher adds the rows of connections. */
const SUM = SHARDS;

/**
 * Merges the counter rows of connections, so that few rows remain to be added up however many connections have counted.
 *
 * @param limit rows at most
 */
export async function compactPendingCounters(db: Database, limit: number): Promise<void> {
  await db`
    with counted as materialized (
      select p.organization_id, p.user_id, p.shard from pending_tasks p
      where p.shard <> ${SUM} or (p.pending = 0 and not exists (
        select from pending_tasks o where (o.organization_id, o.user_id) = (p.organization_id, p.user_id) and o.shard <> ${SUM}
      ))
      order by p.organization_id, p.user_id, p.shard limit ${limit}
      -- A row that another transaction has locked is merged next time.
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

/** Counts all unfinished tasks, and marks the owners that are near a bound. */
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
