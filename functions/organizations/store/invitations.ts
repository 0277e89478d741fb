import type { Database, Transaction } from '../../database/connect.ts';
import type { Role } from '../../database/enter.ts';
import type { Invitation, Named, OwnInvitation } from '../invitation.ts';
import type { Page } from './organizations.ts';

const invitationColumnsSql = (tx: Transaction) => tx`
  i.id, i.organization_id as "organizationId", i.username, i.email, i.role,
  (select u.username from users u where u.id = i.invited_by) as "invitedBy", i.created_at as "createdAt", i.expires_at as "expiresAt"`;

/** Finds the user with this complete username or email, without regard to case. */
export async function findUser(tx: Transaction, named: Named): Promise<string | undefined> {
  const { username = null, email = null } = named;
  const [found] = await tx<{ id: string | null }[]>`select find_user(${username}, ${email}) as id`;
  return found?.id ?? undefined;
}

/** Deletes the expired invitations of an organization, so that the same names can be invited again. */
export async function removeExpired(tx: Transaction, organizationId: string): Promise<void> {
  await tx`
    delete from invitations i where i.organization_id = ${organizationId} and i.expires_at < (select clock_timestamp())`;
}

/** Counts the invitations of an organization that are neither accepted nor expired. */
export async function countOpen(tx: Transaction, organizationId: string): Promise<number> {
  const [counted] = await tx<{ open: number }[]>`
    select count(*) as open from invitations i
    where i.organization_id = ${organizationId} and i.accepted_at is null and i.expires_at > clock_timestamp()`;
  return counted?.open ?? 0;
}

export type NewInvitation = {
  id: string;
  organizationId: string;
  named: Named;
  role: Role;
  invitedBy: string;
  /** The account that `named` identifies at this moment; null when there is none. */
  userId: string | null;
};

/** Inserts an invitation. @returns undefined when an open invitation has the same name */
export async function insertInvitation(
  tx: Transaction,
  { id, organizationId, named, role, invitedBy, userId }: NewInvitation,
  lifeDays: number,
): Promise<Invitation | undefined> {
  const { username = null, email = null } = named;
  const [made] = await tx<Invitation[]>`
    insert into invitations as i (id, organization_id, username, email, role, invited_by, user_id, expires_at)
    values (${id}, ${organizationId}, ${username}, ${email}, ${role}, ${invitedBy}, ${userId},
      clock_timestamp() + ${lifeDays} * interval '1 day')
    on conflict do nothing
    returning ${invitationColumnsSql(tx)}`;
  return made;
}

/** Lists open invitations of an organization, newest first. */
export async function listInvitations(
  tx: Transaction,
  organizationId: string,
  { beforeId, limit }: Page,
): Promise<Invitation[]> {
  return tx<Invitation[]>`
    select ${invitationColumnsSql(tx)} from invitations i
    where i.organization_id = ${organizationId} and i.accepted_at is null and i.expires_at > clock_timestamp()
      ${beforeId ? tx`and i.id < ${beforeId}` : tx``}
    order by i.organization_id, i.id desc
    limit ${limit}`;
}

export async function findInvitation(
  tx: Transaction,
  organizationId: string,
  id: string,
): Promise<Invitation | undefined> {
  const [found] = await tx<Invitation[]>`
    select ${invitationColumnsSql(tx)} from invitations i
    where i.id = ${id} and i.organization_id = ${organizationId} and i.accepted_at is null
      and i.expires_at > clock_timestamp()`;
  return found;
}

/** Deletes an open invitation. @returns false when it no longer exists or is accepted */
export async function deleteInvitation(tx: Transaction, id: string): Promise<boolean> {
  const gone =
    await tx`delete from invitations i where i.id = ${id} and i.accepted_at is null returning i.id`;
  return gone.length > 0;
}

/** Lists the principal's own invitations, newest first. */
export async function listOwnInvitations(
  tx: Transaction,
  { beforeId, limit }: Page,
): Promise<OwnInvitation[]> {
  return tx<OwnInvitation[]>`
    select id, organization_id as "organizationId", organization_name as "organizationName", role,
      invited_by as "invitedBy", created_at as "createdAt", expires_at as "expiresAt"
    from own_invitations(${beforeId}, ${limit})`;
}

/** Reason why accepting an invitation failed. */
export type AcceptRefusal = 'invitation_not_found' | 'too_many_members' | 'too_many_memberships';

/** Makes the principal a member. Accepting again changes nothing. */
export async function acceptInvitation(
  tx: Transaction,
  id: string,
  { members, memberships }: { members: number; memberships: number },
): Promise<
  | { refusal: AcceptRefusal; organizationId: null; isNew: false }
  | { refusal: null; organizationId: string; isNew: boolean }
> {
  const [done] = await tx<Awaited<ReturnType<typeof acceptInvitation>>[]>`
    select refusal, organization_id as "organizationId", is_new as "isNew" from accept_invitation(${id}, ${members}, ${memberships})`;
  if (!done) throw new Error('The database function returned no row');
  return done;
}

/** Hides an invitation from the principal. @returns false when the principal has no such invitation */
export async function declineInvitation(tx: Transaction, id: string): Promise<boolean> {
  const [done] = await tx<{ declined: boolean }[]>`select decline_invitation(${id}) as declined`;
  return done?.declined === true;
}

/** Deletes expired invitations, oldest first. @returns the number of deleted invitations */
export async function sweepInvitations(db: Database, limit: number): Promise<number> {
  const { count } = await db`
    delete from invitations i where i.id = any (array(
      select old.id from invitations old where old.expires_at < (select clock_timestamp()) order by old.expires_at limit ${limit}))`;
  return count;
}
