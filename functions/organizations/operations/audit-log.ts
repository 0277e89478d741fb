import { type Entry, entriesOf } from '../../audit/read.ts';
import type { Database } from '../../database/connect.ts';
import { asMemberOf, type Principal } from '../../database/enter.ts';
import { demandRight } from '../rights.ts';

/**
 * Returns a page of an organization's audit log, newest first.
 *
 * @throws Refusal `organization_not_found`, `role_insufficient`
 */
export async function listEntries(
  { db }: { db: Database },
  principal: Principal,
  { organizationId, ...page }: { organizationId: string; beforeId: string | null; limit: number },
): Promise<{ entries: Entry[]; more: boolean }> {
  return asMemberOf(db, { ...principal, organizationId }, async (tx, membership) => {
    demandRight(membership, 'audit');
    return entriesOf(tx, organizationId, page);
  });
}
