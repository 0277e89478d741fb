import type { Database, Transaction } from '../../database/connect.ts';
import type { Fragment } from './columns.ts';

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

/** @returns undefined when there is room */
export async function fullBound(
  tx: Transaction,
  { organizationId, userId, count }: { organizationId: string; userId: string | null; count: number },
): Promise<FullBound | undefined> {
  const [row] = await tx<{ full: FullBound | null }[]>`
    select full_bound(${organizationId}, ${userId}::uuid, ${count}) as full`;
  return row?.full ?? undefined;
}

/** The same for one task that would be brought back. */
export async function fullBoundOf(tx: Transaction, id: string): Promise<FullBound | undefined> {
  const [row] = await tx<{ full: FullBound | null }[]>`
    select full_bound(t.organization_id, t.created_by, 1) as full from tasks t where t.id = ${id}`;
  return row?.full ?? undefined;
}

/** Sums up all that has not ended, for the bound of the installation. */
export async function countPending(db: Database): Promise<number> {
  const [row] = await db<{ pending: number }[]>`
    update pending_in_installation set pending = (select coalesce(sum(p.pending), 0) from pending_tasks p)
    returning pending`;
  return row?.pending ?? 0;
}
