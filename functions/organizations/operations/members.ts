import { recordAct } from '../../audit/record.ts';
import type { Transaction } from '../../database/connect.ts';
import { asMemberOf, type Principal, type Role } from '../../database/enter.ts';
import { Refusal } from '../../refusal.ts';
import type { Member } from '../organization.ts';
import { demandGovernment } from '../rights.ts';
import * as store from '../store/index.ts';
import { demandTransferable, lockOrganization, type OrganizationDeps } from './organizations.ts';

/**
 * Returns a page of an organization's members, newest account first.
 *
 * @throws Refusal `organization_not_found`
 */
export async function listMembers(
  { db }: OrganizationDeps,
  principal: Principal,
  { organizationId, page }: { organizationId: string; page: store.Page },
): Promise<{ members: Member[]; more: boolean }> {
  return asMemberOf(db, { ...principal, organizationId }, async (tx) => {
    const rows = await store.listMembers(tx, organizationId, { ...page, limit: page.limit + 1 });
    return { members: rows.slice(0, page.limit), more: rows.length > page.limit };
  });
}

/**
 * Changes the role of a member.
 *
 * @throws Refusal `organization_not_found`, `member_not_found`, `role_insufficient`, `last_owner`,
 *   `personal_organization`
 */
export async function changeRole(
  { db }: OrganizationDeps,
  principal: Principal,
  { organizationId, userId, role }: { organizationId: string; userId: string; role: Role },
): Promise<Member> {
  return asMemberOf(db, { ...principal, organizationId }, async (tx, membership) => {
    demandGovernment(membership, role);
    const organization = await lockOrganization(tx, organizationId);
    const member = await find(tx, organizationId, userId);
    demandGovernment(membership, member.role);
    if (member.role === role) return member;
    if (role === 'owner') demandTransferable(organization);
    if (member.role === 'owner') await demandAnotherOwner(tx, organization, userId);
    if (!(await store.changeRole(tx, { organizationId, userId, from: member.role }, role))) {
      throw membershipChanged();
    }
    const details = { from: member.role, to: role };
    await recordAct(tx, principal, {
      organizationId,
      action: 'member.role_changed',
      target: userId,
      details,
    });
    return { ...member, role };
  });
}

/**
 * Removes a member, or lets the principal leave. The member's open WebSockets that watch anything of this organization
 * are notified, and receive no further frames of it.
 *
 * @throws Refusal `organization_not_found`, `member_not_found`, `role_insufficient`, `last_owner`,
 *   `personal_organization`
 */
export async function removeMember(
  { db, membershipEnded }: OrganizationDeps,
  principal: Principal,
  { organizationId, userId }: { organizationId: string; userId: string },
): Promise<void> {
  const watching = await asMemberOf(db, { ...principal, organizationId }, async (tx, membership) => {
    const seen = await find(tx, organizationId, userId);
    if (userId !== principal.userId) demandGovernment(membership, seen.role);
    if (seen.role === 'owner')
      await demandAnotherOwner(tx, await lockOrganization(tx, organizationId), userId);
    const action = userId === principal.userId ? 'member.left' : 'member.removed';
    await recordAct(tx, principal, { organizationId, action, target: userId, details: { role: seen.role } });
    if (!(await store.deleteMember(tx, { organizationId, userId, from: seen.role })))
      throw membershipChanged();
    const watching = await store.watchingConnections(tx, organizationId, userId);
    await store.silenceMember(tx, organizationId, userId);
    return watching;
  });
  membershipEnded(watching, organizationId);
}

async function find(tx: Transaction, organizationId: string, userId: string): Promise<Member> {
  const member = await store.findMember(tx, organizationId, userId);
  if (!member) throw new Refusal('not_found', 'member_not_found', 'There is no such member');
  return member;
}

/** Refuses to take away the last owner of an organization, or the owner of a personal organization. */
async function demandAnotherOwner(
  tx: Transaction,
  organization: store.Locked,
  userId: string,
): Promise<void> {
  demandTransferable(organization);
  if (!(await store.hasOwnerBeside(tx, organization.id, userId))) {
    throw new Refusal('conflict', 'last_owner', 'An organization must have at least one owner');
  }
}

function membershipChanged(): Refusal {
  return new Refusal('conflict', 'membership_changed', 'The membership has just changed; try again');
}
