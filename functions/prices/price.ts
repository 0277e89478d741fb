/** What organizations follow: an asset's price in a currency. */
export type Pair = { asset: string; currency: string };

/** A price as the provider states it. Decimals are plain decimal text with the provider's own digits. */
export type Reading = Pair & {
  /** Above zero. */
  price: string;
  /** Percent; null where the provider does not know it. */
  change24h: string | null;
  /** The provider's own time of the price. */
  updatedAt: Date;
};

/** Ids of CoinGecko, as in its `coins/list`; symbols are not unique. */
export const ASSET_PATTERN = /^[a-z0-9][a-z0-9._-]{0,99}$/;

/** Written into every row: where its price is from. */
export const SOURCE = 'coingecko';

/** Seconds between two ticks of the rule; the database checks that buckets are multiples of it. */
export const INTERVAL_SECONDS = 300;

/**
 * A price is stale when the provider's own time of it is older than this by the database's clock. That one time covers
 * both ways to grow old: ticks that bring nothing, and a provider that repeats itself.
 */
export const STALE_AFTER_SECONDS = 2 * INTERVAL_SECONDS;

/** Pairs on one organization's watchlist. */
export const MAX_WATCHED = 50;

/**
 * Assets that one user may have put on watchlists, in whatever organizations. Organizations are free, and all assets of
 * the installation share the calls of a tick.
 */
export const MAX_ASSETS_PER_USER = 200;

/** `bitcoin/usd`, for traces and maps; neither part can contain the slash. */
export function pairKey({ asset, currency }: Pair): string {
  return `${asset}/${currency}`;
}

/**
 * The tick that a scheduled event belongs to: its time rounded down to five minutes, so that an event which comes twice
 * or late meets its own rows.
 */
export function bucketOf(eventTime: Date): Date {
  const intervalMs = INTERVAL_SECONDS * 1000;
  return new Date(Math.floor(eventTime.getTime() / intervalMs) * intervalMs);
}
