import type { Database, Transaction } from '../../database/connect.ts';
import { asMemberOf, type InOrganization, type Membership } from '../../database/enter.ts';
import { roleInsufficient } from '../../organizations/rights.ts';
import { Refusal } from '../../refusal.ts';
import { comparedAddress } from '../address.ts';
import * as store from '../store/index.ts';
import type { Suppression } from '../suppression.ts';

/** Maximum addresses of one request. */
export const MAX_ADDED = 1_000;

type Deps = { db: Database };

/**
 * Returns a page of an organization's suppressions, in the order of their addresses.
 *
 * @param options.after only addresses behind this one
 * @throws Refusal `organization_not_found`
 */
export async function listSuppressions(
  { db }: Deps,
  reader: InOrganization,
  { after, limit }: { after: string; limit: number },
): Promise<{ suppressions: Suppression[]; more: boolean }> {
  const found = await asMemberOf(db, reader, (tx, { organizationId }) =>
    store.listSuppressions(tx, { organizationId, after }, limit + 1),
  );
  return { suppressions: found.slice(0, limit), more: found.length > limit };
}

/**
 * Returns the suppression of an address.
 *
 * @throws Refusal `organization_not_found`, `suppression_not_found`
 */
export async function getSuppression(
  { db }: Deps,
  reader: InOrganization,
  address: string,
): Promise<Suppression> {
  const [found] = await asMemberOf(db, reader, (tx, { organizationId }) =>
    store.findSuppressions(tx, organizationId, [comparedAddress(address)]),
  );
  if (!found) throw suppressionNotFound();
  return found;
}

/**
 * Suppresses addresses. An address that is suppressed already keeps its first reason.
 *
 * @returns the suppressions of these addresses
 * @throws Refusal `organization_not_found`, `role_insufficient`, `too_many_suppressions`
 */
export async function addSuppressions(
  { db }: Deps,
  writer: InOrganization,
  given: readonly string[],
): Promise<Suppression[]> {
  const addresses = given.map(comparedAddress);
  return asMemberOf(db, writer, async (tx, membership) => {
    const organizationId = writable(membership);
    const { used, limit } = await store.addSuppressions(tx, {
      organizationId,
      userId: writer.userId,
      addresses,
    });
    // Undoes the transaction.
    if (used > limit) throw tooManySuppressions(limit);
    return store.findSuppressions(tx, organizationId, addresses);
  });
}

/**
 * Lets an organization send mail to an address again.
 *
 * @throws Refusal `organization_not_found`, `role_insufficient`, `suppression_not_found`
 */
export async function removeSuppression(
  { db }: Deps,
  writer: InOrganization,
  address: string,
): Promise<void> {
  const isRemoved = await asMemberOf(db, writer, (tx: Transaction, membership) =>
    store.removeSuppression(tx, writable(membership), comparedAddress(address)),
  );
  if (!isRemoved) throw suppressionNotFound();
}

function writable({ role, organizationId }: Membership): string {
  if (role === 'viewer') throw roleInsufficient(role);
  return organizationId;
}

const suppressionNotFound = () =>
  new Refusal('not_found', 'suppression_not_found', 'The organization has not suppressed this address');

const tooManySuppressions = (limit: number) =>
  new Refusal(
    'conflict',
    'too_many_suppressions',
    `An organization suppresses at most ${limit} addresses that it adds itself; remove some`,
    { limit },
  );
