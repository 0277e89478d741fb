import type { Database } from '../database/connect.ts';
import { asMemberOf, type Principal } from '../database/enter.ts';
import { demandRight } from '../organizations/rights.ts';
import * as store from './store.ts';

export type Entry = store.Entry;

/**
 * A page of an organization's audit log, newest first.
 *
 * @throws Refusal `organization_not_found`, `role_insufficient`
 */
export async function listEntries(
  { db }: { db: Database },
  principal: Principal,
  organizationId: string,
  page: { beforeId: string | null; limit: number },
): Promise<{ entries: Entry[]; more: boolean }> {
  return asMemberOf(db, { ...principal, organizationId }, async (tx, membership) => {
    demandRight(membership, 'audit');
    const rows = await store.list(tx, organizationId, { ...page, limit: page.limit + 1 });
    return { entries: rows.slice(0, page.limit), more: rows.length > page.limit };
  });
}
