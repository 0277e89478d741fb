import type { Transaction } from '../database/connect.ts';
import * as store from './store.ts';

export type Entry = store.Entry;

/** Returns a page of an organization's audit log, newest first. The caller has checked the right to read it. */
export async function entriesOf(
  tx: Transaction,
  organizationId: string,
  page: { beforeId: string | null; limit: number },
): Promise<{ entries: Entry[]; more: boolean }> {
  const rows = await store.list(tx, organizationId, { ...page, limit: page.limit + 1 });
  return { entries: rows.slice(0, page.limit), more: rows.length > page.limit };
}
