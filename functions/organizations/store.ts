import { and, desc, eq, inArray, lt, ne, sql } from 'drizzle-orm';
import type { Transaction } from '../database/connect.ts';
import type { Role } from '../database/enter.ts';
import { query } from '../database/query.ts';
import { memberships, organizations, users } from '../database/schema.ts';
import type { Contents, Member, Named, Organization, OrganizationChange } from './organization.ts';

/*
 * Organizations and their members, as the api function's role sees them inside `asMember`. Row-level security stands
 * behind every `where`.
 */

/** Where a page goes on: after this id, newest first; null for the first page. */
export type Page = { beforeId: string | null; limit: number };

const organizationColumns = {
  id: organizations.id,
  name: organizations.name,
  personal: organizations.personal,
  maxRunning: organizations.maxRunning,
  retentionDays: organizations.retentionDays,
  role: memberships.role,
  createdAt: organizations.createdAt,
  updatedAt: organizations.updatedAt,
};

const memberColumns = {
  userId: users.id,
  username: users.username,
  name: users.name,
  role: memberships.role,
  createdAt: memberships.createdAt,
};

export async function insertOrganization(
  tx: Transaction,
  { id, ownerId, name }: { id: string; ownerId: string; name: string },
): Promise<Organization | undefined> {
  const [made] = await tx<Organization[]>`
    select id, name, personal, max_running as "maxRunning", retention_days as "retentionDays", 'owner' as role, created_at as "createdAt", updated_at as "updatedAt"
    from create_organization(${id}, ${ownerId}, ${name}, false)`;
  return made;
}

/** Those of `ids`, newest first, with the user's role in each. */
export async function listOrganizations(
  tx: Transaction,
  userId: string,
  ids: readonly string[],
  { beforeId, limit }: Page,
): Promise<Organization[]> {
  return query(tx)
    .select(organizationColumns)
    .from(organizations)
    .innerJoin(
      memberships,
      and(eq(memberships.organizationId, organizations.id), eq(memberships.userId, userId)),
    )
    .where(
      and(
        inArray(organizations.id, [...ids]),
        beforeId === null ? undefined : lt(organizations.id, beforeId),
      ),
    )
    .orderBy(desc(organizations.id))
    .limit(limit);
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

/** Newest account first. */
export async function listMembers(
  tx: Transaction,
  organizationId: string,
  { beforeId, limit }: Page,
): Promise<Member[]> {
  return query(tx)
    .select(memberColumns)
    .from(memberships)
    .innerJoin(users, eq(users.id, memberships.userId))
    .where(
      and(
        eq(memberships.organizationId, organizationId),
        beforeId === null ? undefined : lt(memberships.userId, beforeId),
      ),
    )
    .orderBy(desc(memberships.userId))
    .limit(limit);
}

export async function findMember(
  tx: Transaction,
  organizationId: string,
  userId: string,
): Promise<Member | undefined> {
  const [member] = await query(tx)
    .select(memberColumns)
    .from(memberships)
    .innerJoin(users, eq(users.id, memberships.userId))
    .where(ofMember(organizationId, userId));
  return member;
}

/** The user whose username, or whose email, that is: the whole of it, in upper or lower case. */
export async function findUser(tx: Transaction, named: Named): Promise<string | undefined> {
  const { username = null, email = null } = named;
  const [found] = await tx<{ id: string | null }[]>`select find_user(${username}, ${email}) as id`;
  return found?.id ?? undefined;
}

/** @returns false when the user is a member already */
export async function insertMember(
  tx: Transaction,
  organizationId: string,
  userId: string,
  role: Role,
): Promise<boolean> {
  const added = await query(tx)
    .insert(memberships)
    .values({ organizationId, userId, role })
    .onConflictDoNothing()
    .returning({ userId: memberships.userId });
  return added.length > 0;
}

export async function hasOwnerBeside(
  tx: Transaction,
  organizationId: string,
  userId: string,
): Promise<boolean> {
  const others = await query(tx)
    .select({ userId: memberships.userId })
    .from(memberships)
    .where(
      and(
        eq(memberships.organizationId, organizationId),
        eq(memberships.role, 'owner'),
        ne(memberships.userId, userId),
      ),
    )
    .limit(1);
  return others.length > 0;
}

/** @returns false when the member no longer has the role `from` */
export async function changeRole(tx: Transaction, member: MemberInRole, to: Role): Promise<boolean> {
  const changed = await query(tx)
    .update(memberships)
    .set({ role: to })
    .where(inRole(member))
    .returning({ userId: memberships.userId });
  return changed.length > 0;
}

/** @returns false when the member no longer has the role `from` */
export async function deleteMember(tx: Transaction, member: MemberInRole): Promise<boolean> {
  const removed = await query(tx)
    .delete(memberships)
    .where(inRole(member))
    .returning({ userId: memberships.userId });
  return removed.length > 0;
}

/**
 * Lists the connections of a user, or without a user of every member, that watch a task or a batch of the organization. The
 * caller has deleted the membership, or deletes the organization: no subscription can be added until the transaction ends.
 */
export async function watchingConnections(
  tx: Transaction,
  organizationId: string,
  userId: string | null,
): Promise<string[]> {
  const [row] = await tx<{ connections: string[] }[]>`
    select watching_connections(${organizationId}, ${userId}) as connections`;
  if (!row) throw new Error('watching_connections returned no row');
  return row.connections;
}

/** Takes the user's WebSockets off everything that the organization owns. */
export async function silenceMember(tx: Transaction, organizationId: string, userId: string): Promise<void> {
  await tx`select silence_member(${organizationId}, ${userId})`;
}

/** A member in the role that was seen: whoever has another by now is not meant. */
export type MemberInRole = { organizationId: string; userId: string; from: Role };

function inRole({ organizationId, userId, from }: MemberInRole) {
  return and(ofMember(organizationId, userId), eq(memberships.role, from));
}

function ofMember(organizationId: string, userId: string) {
  return and(eq(memberships.organizationId, organizationId), eq(memberships.userId, userId));
}
