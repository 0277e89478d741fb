import { v7 as uuidv7 } from 'uuid';
import { recordAct } from '../../audit/record.ts';
import { asMember, asMemberOf, type Principal, type Role } from '../../database/enter.ts';
import { Refusal } from '../../refusal.ts';
import type { Invitation, Named, OwnInvitation } from '../invitation.ts';
import type { Organization } from '../organization.ts';
import {
  INVITATION_DAYS,
  MAX_MEMBERS,
  MAX_MEMBERSHIPS,
  MAX_OPEN_INVITATIONS,
  quotaReached,
} from '../quotas.ts';
import { demandGovernment, demandRight } from '../rights.ts';
import * as store from '../store/index.ts';
import {
  demandTransferable,
  lockOrganization,
  type OrganizationDeps,
  readOrganization,
} from './organizations.ts';

/**
 * Invites a user, named by username or email. Nobody becomes a member without accepting. The answer is the same when the
 * account does not exist: such an invitation reaches nobody, even if somebody registers later under this name.
 *
 * @throws Refusal `organization_not_found`, `role_insufficient`, `already_a_member` for a username that the members see,
 *   `already_invited`, `too_many_invitations`, `personal_organization`
 */
export async function inviteMember(
  { db }: OrganizationDeps,
  principal: Principal,
  {
    organizationId,
    id = uuidv7(),
    named,
    role,
  }: { organizationId: string; id?: string | undefined; named: Named; role: Role },
): Promise<Invitation> {
  return asMemberOf(db, { ...principal, organizationId }, async (tx, membership) => {
    demandGovernment(membership, role);
    // The lock makes the second of two simultaneous invitations count the first.
    const organization = await lockOrganization(tx, organizationId);
    if (role === 'owner') demandTransferable(organization);
    const before = await store.findInvitation(tx, organizationId, id);
    if (before) return before;
    const userId = (await store.findUser(tx, named)) ?? null;
    // Members may see usernames. For an email, this refusal would reveal whose email it is.
    if (
      named.username !== undefined &&
      userId !== null &&
      (await store.isMember(tx, organizationId, userId))
    ) {
      throw new Refusal('conflict', 'already_a_member', 'This user is a member already');
    }
    await store.removeExpired(tx, organizationId);
    if ((await store.countOpen(tx, organizationId)) >= MAX_OPEN_INVITATIONS) {
      throw quotaReached('too_many_invitations');
    }
    const wanted = { id, organizationId, named, role, invitedBy: principal.userId, userId };
    const made = await store.insertInvitation(tx, wanted, INVITATION_DAYS);
    if (!made) throw new Refusal('conflict', 'already_invited', 'There is an open invitation for this name');
    await recordAct(tx, principal, {
      organizationId,
      action: 'invitation.created',
      target: id,
      details: { role },
    });
    return made;
  });
}

/**
 * Returns a page of an organization's open invitations, newest first. A declined invitation stays in the list until it
 * expires: its removal would reveal that the account exists.
 *
 * @throws Refusal `organization_not_found`, `role_insufficient`
 */
export async function listInvitations(
  { db }: OrganizationDeps,
  principal: Principal,
  { organizationId, page }: { organizationId: string; page: store.Page },
): Promise<{ invitations: Invitation[]; more: boolean }> {
  return asMemberOf(db, { ...principal, organizationId }, async (tx, membership) => {
    demandRight(membership, 'invite');
    const rows = await store.listInvitations(tx, organizationId, { ...page, limit: page.limit + 1 });
    return { invitations: rows.slice(0, page.limit), more: rows.length > page.limit };
  });
}

/** Deletes an open invitation. @throws Refusal `organization_not_found`, `role_insufficient`, `invitation_not_found` */
export async function revokeInvitation(
  { db }: OrganizationDeps,
  principal: Principal,
  { organizationId, id }: { organizationId: string; id: string },
): Promise<void> {
  await asMemberOf(db, { ...principal, organizationId }, async (tx, membership) => {
    demandRight(membership, 'invite');
    const invitation = await store.findInvitation(tx, organizationId, id);
    if (!invitation) throw invitationNotFound();
    demandGovernment(membership, invitation.role);
    // Nothing is deleted when the invitation was accepted at this moment.
    if (!(await store.deleteInvitation(tx, id))) throw invitationNotFound();
    await recordAct(tx, principal, { organizationId, action: 'invitation.withdrawn', target: id });
  });
}

/** Returns a page of the principal's own invitations, newest first. */
export async function listOwnInvitations(
  { db }: OrganizationDeps,
  principal: Principal,
  page: store.Page,
): Promise<{ invitations: OwnInvitation[]; more: boolean }> {
  return asMember(db, principal, async (tx) => {
    const rows = await store.listOwnInvitations(tx, { ...page, limit: page.limit + 1 });
    return { invitations: rows.slice(0, page.limit), more: rows.length > page.limit };
  });
}

/**
 * Makes the principal a member. The user who invited must still have the right to invite. Accepting twice is no error.
 *
 * @throws Refusal `invitation_not_found`, `too_many_members`, `too_many_memberships`
 */
export async function acceptInvitation(
  { db }: OrganizationDeps,
  principal: Principal,
  id: string,
): Promise<Organization> {
  return asMember(db, principal, async (tx) => {
    const quotas = { members: MAX_MEMBERS, memberships: MAX_MEMBERSHIPS };
    const { refusal, organizationId, isNew } = await store.acceptInvitation(tx, id, quotas);
    if (refusal === 'invitation_not_found') throw invitationNotFound();
    if (refusal !== null) throw quotaReached(refusal);
    if (isNew) await recordAct(tx, principal, { organizationId, action: 'invitation.accepted', target: id });
    return readOrganization(tx, principal, organizationId);
  });
}

/** Declines an invitation. Declining twice is no error. @throws Refusal `invitation_not_found` */
export async function declineInvitation(
  { db }: OrganizationDeps,
  principal: Principal,
  id: string,
): Promise<void> {
  await asMember(db, principal, async (tx) => {
    if (!(await store.declineInvitation(tx, id))) throw invitationNotFound();
  });
}

function invitationNotFound(): Refusal {
  return new Refusal(
    'not_found',
    'invitation_not_found',
    'There is no such invitation, or it is no longer open',
  );
}
