import type { Database } from '../database/connect.ts';
import { asMemberOf, type Membership, type Principal } from '../database/enter.ts';
import { roleInsufficient } from '../organizations/rights.ts';
import { Refusal } from '../refusal.ts';
import { MAX_ASSETS_PER_USER, MAX_WATCHED, type Pair } from './price.ts';
import * as store from './store.ts';

/** Lists the pairs on an organization's watchlist. @throws Refusal `organization_not_found`, `session_ended` */
export async function listWatched(
  { db }: { db: Database },
  principal: Principal,
  organizationId: string,
): Promise<store.Watched[]> {
  return asMemberOf(db, { ...principal, organizationId }, async (tx) => {
    return store.watchlist(tx, organizationId);
  });
}

/**
 * Follows a pair from the next tick on. Following a followed pair again changes nothing.
 *
 * @throws Refusal `watchlist_full`, `too_many_assets`, `role_insufficient`, `organization_not_found`, `session_ended`
 */
export async function follow(
  { db }: { db: Database },
  principal: Principal,
  { organizationId, pair }: { organizationId: string; pair: Pair },
): Promise<{ entry: store.Watched; added: boolean }> {
  return asMemberOf(db, { ...principal, organizationId }, async (tx, membership) => {
    mayChange(membership);
    const followed = await store.watch(tx, { organizationId, userId: principal.userId, ...pair });
    if ('entry' in followed) return followed;
    throw new Refusal('conflict', followed.refusal, ...FULL[followed.refusal]);
  });
}

const FULL: Record<store.FollowRefusal, [message: string, data: { limit: number }]> = {
  watchlist_full: [`A watchlist has at most ${MAX_WATCHED} entries`, { limit: MAX_WATCHED }],
  too_many_assets: [
    `A user may follow ${MAX_ASSETS_PER_USER} assets in all organizations together; remove another one first`,
    { limit: MAX_ASSETS_PER_USER },
  ],
};

/**
 * Stops following an asset. Its stored prices stay, and are shown again when the asset is followed again.
 *
 * @param currency null for every currency in which the asset is followed
 * @throws Refusal `not_watched`, `role_insufficient`, `organization_not_found`, `session_ended`
 */
export async function unfollow(
  { db }: { db: Database },
  principal: Principal,
  { organizationId, asset, currency }: { organizationId: string; asset: string; currency: string | null },
): Promise<void> {
  await asMemberOf(db, { ...principal, organizationId }, async (tx, membership) => {
    mayChange(membership);
    const removed = await store.unwatch(tx, { organizationId, asset, currency });
    if (removed === 0) throw new Refusal('not_found', 'not_watched', 'This is not on the watchlist');
  });
}

function mayChange({ role }: Membership): void {
  if (role === 'viewer') throw roleInsufficient(role);
}
