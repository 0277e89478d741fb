import { v7 as uuidv7 } from 'uuid';
import { recordAct } from '../../audit/record.ts';
import type { Database, Transaction } from '../../database/connect.ts';
import { asMember, asMemberOf, organizationNotFound, type Principal } from '../../database/enter.ts';
import { Refusal } from '../../refusal.ts';
import type { Contents, Organization, OrganizationChange } from '../organization.ts';
import { MAX_MEMBERSHIPS, MAX_OWNED, quotaReached } from '../quotas.ts';
import { demandRight } from '../rights.ts';
import * as store from '../store/index.ts';

/**
 * Notifies connections that they no longer watch anything of an organization. Best effort: returns immediately, and never
 * throws.
 */
export type MembershipEnded = (connectionIds: readonly string[], organizationId: string) => void;

export type OrganizationDeps = { db: Database; membershipEnded: MembershipEnded };

/**
 * Creates an organization that the principal owns, with the initial watchlist.
 *
 * @throws Refusal `too_many_organizations`, `too_many_memberships`
 */
export async function createOrganization(
  { db }: OrganizationDeps,
  principal: Principal,
  name: string,
): Promise<Organization> {
  return asMember(db, principal, async (tx) => {
    await store.lockPrincipal(tx);
    const { owned, total } = await store.countMemberships(tx, principal.userId);
    if (owned >= MAX_OWNED) throw quotaReached('too_many_organizations');
    if (total >= MAX_MEMBERSHIPS) throw quotaReached('too_many_memberships');
    const made = await store.insertOrganization(tx, { id: uuidv7(), ownerId: principal.userId, name });
    if (!made) throw new Error('The statement returned no organization');
    await recordAct(tx, principal, { organizationId: made.id, action: 'organization.created' });
    return made;
  });
}

/**
 * Returns a page of the principal's organizations, newest first.
 *
 * @returns at most `page.limit` organizations, and `true` when there are more
 */
export async function listOrganizations(
  { db }: OrganizationDeps,
  principal: Principal,
  page: store.Page,
): Promise<{ organizations: Organization[]; more: boolean }> {
  return asMember(db, principal, async (tx) => {
    const rows = await store.listOrganizations(tx, principal.userId, { ...page, limit: page.limit + 1 });
    return { organizations: rows.slice(0, page.limit), more: rows.length > page.limit };
  });
}

/** Returns an organization of the principal. @throws Refusal `organization_not_found` */
export async function getOrganization(
  { db }: OrganizationDeps,
  principal: Principal,
  id: string,
): Promise<Organization> {
  return asMember(db, principal, (tx) => readOrganization(tx, principal, id));
}

/**
 * Changes the given fields only. After `maxRunning` was raised, the tasks that it held back run within a minute.
 *
 * @throws Refusal `organization_not_found`, `role_insufficient`
 */
export async function changeOrganization(
  { db }: OrganizationDeps,
  principal: Principal,
  { id, change }: { id: string; change: OrganizationChange },
): Promise<Organization> {
  return asMemberOf(db, { ...principal, organizationId: id }, async (tx, membership) => {
    demandRight(membership, 'change');
    if (Object.keys(change).length > 0) {
      await store.changeOrganization(tx, id, change);
      await recordAct(tx, principal, {
        organizationId: id,
        action: 'organization.changed',
        details: asWritten(change),
      });
    }
    return readOrganization(tx, principal, id);
  });
}

/**
 * Deletes an organization with everything in it. Open WebSockets that watch any of it are notified.
 *
 * @throws Refusal `organization_not_found`, `role_insufficient`, `personal_organization`
 */
export async function deleteOrganization(
  { db, membershipEnded }: OrganizationDeps,
  principal: Principal,
  id: string,
): Promise<void> {
  const watching = await asMemberOf(db, { ...principal, organizationId: id }, async (tx, membership) => {
    demandRight(membership, 'delete');
    // Every change of members locks the organization before its memberships. This deletion uses the same order.
    await lockOrganization(tx, id);
    const watching = await store.watchingConnections(tx, id, null);
    await recordAct(tx, principal, { organizationId: id, action: 'organization.deleted' });
    // The database deletes the subscriptions together with their tasks and batches.
    if (!(await store.deleteOrganization(tx, id))) throw personalOrganization();
    return watching;
  });
  membershipEnded(watching, id);
}

/**
 * Keeps other transactions from changing the owners of an organization until this transaction ends.
 *
 * @throws Refusal `organization_not_found` when the organization was deleted after the transaction had entered it
 */
export async function lockOrganization(tx: Transaction, id: string): Promise<store.Locked> {
  const locked = await store.lockOrganization(tx, id);
  if (!locked) throw organizationNotFound();
  return locked;
}

/**
 * Counts the rows that `deleteOrganization` would delete. Throws the refusals that `deleteOrganization` would throw.
 *
 * @throws Refusal `organization_not_found`, `role_insufficient`, `personal_organization`
 */
export async function countContents(
  { db }: OrganizationDeps,
  principal: Principal,
  id: string,
): Promise<Contents> {
  return asMemberOf(db, { ...principal, organizationId: id }, async (tx, membership) => {
    demandRight(membership, 'delete');
    if ((await readOrganization(tx, principal, id)).personal) throw personalOrganization();
    return store.countContents(tx, id);
  });
}

/** Returns a change with the field names of the API. */
function asWritten({ name, maxRunning, retentionDays, artifactRetentionDays }: OrganizationChange) {
  return {
    ...(name !== undefined && { name }),
    ...(maxRunning !== undefined && { max_running: maxRunning }),
    ...(retentionDays !== undefined && { retention_days: retentionDays }),
    ...(artifactRetentionDays !== undefined && { artifact_retention_days: artifactRetentionDays }),
  };
}

function personalOrganization(): Refusal {
  return new Refusal('conflict', 'personal_organization', 'A personal organization cannot be deleted');
}

/** Reads an organization of the principal. @throws Refusal `organization_not_found` */
export async function readOrganization(
  tx: Transaction,
  { userId }: Principal,
  id: string,
): Promise<Organization> {
  const organization = await store.findOrganization(tx, userId, id);
  if (!organization) throw organizationNotFound();
  return organization;
}

/** Refuses to change the owner of a personal organization. @throws Refusal `personal_organization` */
export function demandTransferable({ personal }: store.Locked): void {
  if (personal) {
    throw new Refusal('conflict', 'personal_organization', 'A personal organization cannot change its owner');
  }
}
