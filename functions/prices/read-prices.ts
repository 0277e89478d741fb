import type { Database } from '../database/connect.ts';
import { asMemberOf, type Principal } from '../database/enter.ts';
import * as store from './store.ts';

/**
 * Returns the latest price of each pair on the organization's watchlist. Pairs without a price are included.
 *
 * @throws Refusal `organization_not_found`, `session_ended`
 */
export async function latestPrices(
  { db }: { db: Database },
  principal: Principal,
  { organizationId, filter }: { organizationId: string; filter: store.PairFilter },
): Promise<store.PriceRow[]> {
  return asMemberOf(db, { ...principal, organizationId }, async (tx) => {
    return store.latest(tx, organizationId, filter);
  });
}

/**
 * Returns a page of the stored prices of the organization's watchlist, newest first.
 *
 * @returns at most `limit` rows, and the place of the next page, or null at the end
 * @throws Refusal `organization_not_found`, `session_ended`
 */
export async function pricesInRange(
  { db }: { db: Database },
  principal: Principal,
  { organizationId, range, limit }: { organizationId: string; range: store.Range; limit: number },
): Promise<{ prices: store.PriceRow[]; next: store.RangePlace | null }> {
  return asMemberOf(db, { ...principal, organizationId }, async (tx) => {
    const rows = await store.inRange(tx, organizationId, { ...range, limit: limit + 1 });
    const prices = rows.slice(0, limit);
    return { prices, next: rows.length > limit ? (prices.at(-1) ?? null) : null };
  });
}
