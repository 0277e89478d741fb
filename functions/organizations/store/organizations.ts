import { and, eq, sql } from 'drizzle-orm';
import type { Transaction } from '../../database/connect.ts';
import { query } from '../../database/query.ts';
import { organizations } from '../../database/schema.ts';
import type { Contents, Organization, OrganizationChange } from '../organization.ts';

/*
 * Organizations and their members, for the api function's role inside `asMember`. Row-level security also filters every
 * query, so a missing `where` leaks nothing.
 */

/** Position of a page, newest first: `beforeId` is the last id of the page before; null for the first page. */
export type Page = { beforeId: string | null; limit: number };

export async function insertOrganization(
  tx: Transaction,
  { id, ownerId, name }: { id: string; ownerId: string; name: string },
): Promise<Organization | undefined> {
  const [made] = await tx<Organization[]>`
    select id, name, personal, max_running as "maxRunning", retention_days as "retentionDays",
      artifact_retention_days as "artifactRetentionDays", 'owner' as role, created_at as "createdAt", updated_at as "updatedAt"
    from create_organization(${id}, ${ownerId}, ${name}, false)`;
  return made;
}

const organizationColumnsSql = (tx: Transaction) => tx`
  o.id, o.name, o.personal, o.max_running as "maxRunning", o.retention_days as "retentionDays",
  o.artifact_retention_days as "artifactRetentionDays", mine.role,
  o.created_at as "createdAt", o.updated_at as "updatedAt"`;

/** Lists organizations of a user, newest first, with the user's role in each. */
export async function listOrganizations(
  tx: Transaction,
  userId: string,
  { beforeId, limit }: Page,
): Promise<Organization[]> {
  // The page is chosen by memberships alone, along their index. All other columns are read for the rows of the page only.
  return tx<Organization[]>`
    select ${organizationColumnsSql(tx)}
    from (
      select m.organization_id, m.role from memberships m
      where m.user_id = ${userId} ${beforeId ? tx`and m.organization_id < ${beforeId}` : tx``}
      order by m.user_id, m.organization_id desc
      limit ${limit}
    ) mine cross join lateral (select * from organizations o where o.id = mine.organization_id limit 1) o
    order by o.id desc`;
}

/** Finds an organization of a user, with the user's role in it. */
export async function findOrganization(
  tx: Transaction,
  userId: string,
  id: string,
): Promise<Organization | undefined> {
  const [organization] = await tx<Organization[]>`
    select ${organizationColumnsSql(tx)}
    from organizations o join memberships mine on mine.organization_id = o.id and mine.user_id = ${userId}
    where o.id = ${id}`;
  return organization;
}

export async function changeOrganization(
  tx: Transaction,
  id: string,
  change: OrganizationChange,
): Promise<void> {
  await query(tx)
    .update(organizations)
    .set({ ...change, updatedAt: sql`now()` })
    .where(eq(organizations.id, id));
}

/** Counts stop here: a dry run must not read millions of rows. */
const MAX_COUNT = 100_000;

/** Counts the tasks, batches and members of an organization. Each count stops at `MAX_COUNT`. */
export async function countContents(tx: Transaction, id: string): Promise<Contents> {
  const [counted] = await tx<Contents[]>`
    select
      (select count(*)::integer from (select from tasks where organization_id = ${id} limit ${MAX_COUNT}) t) as tasks,
      (select count(*)::integer from (select from batches where organization_id = ${id} limit ${MAX_COUNT}) b) as batches,
      (select count(*)::integer from (select from memberships where organization_id = ${id} limit ${MAX_COUNT}) m)
        as members`;
  if (!counted) throw new Error('A count returned no row');
  return counted;
}

/** Deletes an organization. @returns false when it is a personal organization */
export async function deleteOrganization(tx: Transaction, id: string): Promise<boolean> {
  const gone = await query(tx)
    .delete(organizations)
    .where(and(eq(organizations.id, id), eq(organizations.personal, false)))
    .returning({ id: organizations.id });
  return gone.length > 0;
}

/** The columns of an organization that a transaction has locked. */
export type Locked = Pick<Organization, 'id' | 'personal'>;

/**
 * Keeps other transactions from changing the owners of an organization until this transaction ends. When two owners leave
 * at once, the second sees that the first has left. Rows that refer to the organization can still be written: a worker
 * that completes a task does not wait for this lock, so it cannot deadlock with a deletion.
 *
 * @returns undefined when the organization was deleted, or when the principal does not administer it
 */
export async function lockOrganization(tx: Transaction, id: string): Promise<Locked | undefined> {
  const [locked] = await query(tx)
    .select({ id: organizations.id, personal: organizations.personal })
    .from(organizations)
    .where(eq(organizations.id, id))
    .for('no key update');
  return locked;
}

/**
 * Keeps other requests from giving the principal a membership until this transaction ends. When two requests come at
 * once, the second counts the membership that the first has made.
 */
export async function lockPrincipal(tx: Transaction): Promise<void> {
  await tx`select lock_user()`;
}

/** Counts the organizations that a user owns, and those of which the user is a member. */
export async function countMemberships(
  tx: Transaction,
  userId: string,
): Promise<{ owned: number; total: number }> {
  const [counted] = await tx<{ owned: number; total: number }[]>`
    select count(*) filter (where role = 'owner') as owned, count(*) as total from memberships where user_id = ${userId}`;
  if (!counted) throw new Error('A count returned no row');
  return counted;
}
