import { and, eq, ne } from 'drizzle-orm';
import type { Transaction } from '../../database/connect.ts';
import type { Role } from '../../database/enter.ts';
import { query } from '../../database/query.ts';
import { memberships, users } from '../../database/schema.ts';
import type { Member } from '../organization.ts';
import type { Page } from './organizations.ts';

const memberColumns = {
  userId: users.id,
  username: users.username,
  name: users.name,
  role: memberships.role,
  createdAt: memberships.createdAt,
};

/** Lists members, newest account first. */
export async function listMembers(
  tx: Transaction,
  organizationId: string,
  { beforeId, limit }: Page,
): Promise<Member[]> {
  // The subquery reads the page first, so that the right to see a user is checked for the rows of the page only. A join
  // may check all users.
  return tx<Member[]>`
    select u.id as "userId", u.username, u.name, m.role, m.created_at as "createdAt"
    from (
      select * from memberships m
      where m.organization_id = ${organizationId} ${beforeId ? tx`and m.user_id < ${beforeId}` : tx``}
      order by m.organization_id, m.user_id desc
      limit ${limit}
    ) m cross join lateral (select u.id, u.username, u.name from users u where u.id = m.user_id limit 1) u
    order by u.id desc`;
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
    .where(ofMemberSql(organizationId, userId));
  return member;
}

export async function isMember(tx: Transaction, organizationId: string, userId: string): Promise<boolean> {
  const found = await query(tx)
    .select({ userId: memberships.userId })
    .from(memberships)
    .where(ofMemberSql(organizationId, userId));
  return found.length > 0;
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

/** Changes a member's role. @returns false when the member no longer has the role `from` */
export async function changeRole(tx: Transaction, member: MemberInRole, to: Role): Promise<boolean> {
  const changed = await query(tx)
    .update(memberships)
    .set({ role: to })
    .where(inRoleSql(member))
    .returning({ userId: memberships.userId });
  return changed.length > 0;
}

/** Deletes a membership. @returns false when the member no longer has the role `from` */
export async function deleteMember(tx: Transaction, member: MemberInRole): Promise<boolean> {
  const removed = await query(tx)
    .delete(memberships)
    .where(inRoleSql(member))
    .returning({ userId: memberships.userId });
  return removed.length > 0;
}

/**
 * Lists the connections that watch a task or a batch of the organization: those of one user, or of all members when
 * `userId` is null. The caller has deleted the membership, or deletes the organization, so no subscription can be added
 * until the transaction ends.
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

/** Deletes the user's subscriptions to everything that the organization owns. */
export async function silenceMember(tx: Transaction, organizationId: string, userId: string): Promise<void> {
  await tx`select silence_member(${organizationId}, ${userId})`;
}

/** A member with the role that the caller has read. A member whose role has changed since does not match. */
export type MemberInRole = { organizationId: string; userId: string; from: Role };

function inRoleSql({ organizationId, userId, from }: MemberInRole) {
  return and(ofMemberSql(organizationId, userId), eq(memberships.role, from));
}

function ofMemberSql(organizationId: string, userId: string) {
  return and(eq(memberships.organizationId, organizationId), eq(memberships.userId, userId));
}
