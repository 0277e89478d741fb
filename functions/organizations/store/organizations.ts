import { and, eq, sql } from 'drizzle-orm';
import type { Transaction } from '../../database/connect.ts';
import { query } from '../../database/query.ts';
import { organizations } from '../../database/schema.ts';
import type { Contents, Organization, OrganizationChange } from '../organization.ts';

/*
 * Organizations and their members, as the api function's role sees them inside `asMember`. Row-level security stands
 * behind every `where`.
 */

/** Where a page goes on: after this id, newest first; null for the first page. */
export type Page = { beforeId: string | null; limit: number };

export async function insertOrganization(
  tx: Transaction,
  { id, ownerId, name }: { id: string; ownerId: string; name: string },
): Promise<Organization | undefined> {
  const [made] = await tx<Organization[]>`
    select id, name, personal, max_running as "maxRunning", retention_days as "retentionDays", 'owner' as role, created_at as "createdAt", updated_at as "updatedAt"
    from create_organization(${id}, ${ownerId}, ${name}, false)`;
  return made;
}

const organizationColumnsSql = (tx: Transaction) => tx`
  o.id, o.name, o.personal, o.max_running as "maxRunning", o.retention_days as "retentionDays", mine.role,
  o.created_at as "createdAt", o.updated_at as "updatedAt"`;

/** Organizations of a user, newest first, with the user's role in each. */
export async function listOrganizations(
  tx: Transaction,
  userId: string,
  { beforeId, limit }: Page,
): Promise<Organization[]> {
  // The page is chosen by memberships alone, along their index. What else it shows is read for its rows.
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

/** An organization of a user, with the user's role in it. */
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

/** A count of what an organization holds ends here: a dry run must not read millions of rows. */
const MAX_COUNT = 100_000;

/** How many tasks, batches and members an organization has, each up to the bound. */
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

/** @returns false when it is personal */
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
 * Lets nobody else change who owns the organization until the transaction ends: of two owners who leave at once, the
 * second sees that the first has left. Rows that refer to the organization can still be written: a worker that completes a
 * task does not wait for this lock, and so in no circle with a deletion.
 *
 * @returns nothing when it is gone, or the principal does not administer it
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
 * Lets no other request give the principal a membership until the transaction ends: of two that come at once, the second
 * counts what the first has made.
 */
export async function lockPrincipal(tx: Transaction): Promise<void> {
  await tx`select lock_user()`;
}

/** How many organizations a user owns, and is a member of. */
export async function countMemberships(
  tx: Transaction,
  userId: string,
): Promise<{ owned: number; total: number }> {
  const [counted] = await tx<{ owned: number; total: number }[]>`
    select count(*) filter (where role = 'owner') as owned, count(*) as total from memberships where user_id = ${userId}`;
  if (!counted) throw new Error('A count returned no row');
  return counted;
}
