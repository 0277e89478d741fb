/** An asset and a currency. Organizations follow the price of such a pair. */
export type Pair = { asset: string; currency: string };

/** A price as the provider states it. Decimals are plain decimal texts with the provider's own digits. */
export type Reading = Pair & {
  /** Above zero. */
  price: string;
  /** Percent; null when the provider does not know it. */
  change24h: string | null;
  /** The provider's own time of the price. */
  updatedAt: Date;
};

/** Ids of CoinGecko, as in its `coins/list`. Symbols would not be unique. */
export const ASSET_PATTERN = /^[a-z0-9][a-z0-9._-]{0,99}$/;

/** Source of the price, written into every row. */
export const SOURCE = 'coingecko';

/** Seconds between two ticks of the rule. The database checks that buckets are multiples of it. */
export const INTERVAL_SECONDS = 300;

/**
 * Age in seconds after which a price is stale, from the provider's own time to the database's clock. This time covers
 * both causes of old prices: ticks that bring nothing, and a provider that repeats itself.
 */
export const STALE_AFTER_SECONDS = 2 * INTERVAL_SECONDS;

/** Maximum pairs on one organization's watchlist. */
export const MAX_WATCHED = 50;

/**
 * Maximum assets that one user may put on watchlists, in all organizations together. Organizations are free, and all
 * assets of the installation share the calls of a tick.
 */
export const MAX_ASSETS_PER_USER = 200;

/** Returns `bitcoin/usd`, for traces and maps. Neither part can contain the slash. */
export function pairKey({ asset, currency }: Pair): string {
  return `${asset}/${currency}`;
}

/**
 * Returns the bucket of a scheduled event: its time rounded down to five minutes. An event that comes twice or late
 * therefore writes the same rows.
 */
export function bucketOf(eventTime: Date): Date {
  const intervalMs = INTERVAL_SECONDS * 1000;
  return new Date(Math.floor(eventTime.getTime() / intervalMs) * intervalMs);
}
