import type { Database, Transaction } from '../database/connect.ts';
import {
  MAX_ASSETS_PER_USER,
  MAX_WATCHED,
  type Pair,
  pairKey,
  type Reading,
  SOURCE,
  STALE_AFTER_SECONDS,
} from './price.ts';
import type { Outcome, TraceDetail } from './trace.ts';

/** Maximum pairs that one tick reads. The trace names the pairs that do not fit into the URLs. */
const MAX_FOLLOWED = 5000;
/** Time that a held price waits for the tick that confirms it. */
const HELD_FOR = '1 hour';

/** Data from which one tick starts. The keys of the maps are made by `pairKey`. */
export type Plan = {
  /** Time of the database's clock. */
  now: Date;
  /** Outcome of an earlier event of the same bucket, or null. */
  outcome: Outcome | null;
  /**
   * The union of all watchlists. Pairs that have had a price come first, the longest followed first, so that nobody can
   * push out pairs that others already follow. Then come the other pairs, whose assets may not exist, in an order that
   * differs from tick to tick.
   */
  followed: Pair[];
  /** The newest stored price before this bucket. */
  last: ReadonlyMap<string, string>;
  /** Prices that the newest answered tick before this bucket held back. */
  held: ReadonlyMap<string, string>;
};

/** Reads the data that a tick needs, in one statement. */
export async function plan(db: Database, bucket: Date): Promise<Plan> {
  const rows = await db<PlanRow[]>`
    with pairs as (
      select asset, currency, min(created_at) as since from watchlists group by asset, currency
    ), followed as (
      select asset, currency, row_number() over (
        order by case when priced then since end nulls last, md5(asset || ${bucket.toISOString()}), asset, currency
      ) as place
      from pairs p cross join lateral (
        select exists (
          select from price_ticks t where t.asset = p.asset and t.currency = p.currency and t.bucket < ${bucket}
        ) as priced
      ) known
      order by place
      limit ${MAX_FOLLOWED}
    )
    select clock_timestamp() as now,
      (select outcome from price_fetches where bucket = ${bucket}) as outcome,
      coalesce((
        select detail -> 'held' from price_fetches
        where bucket < ${bucket} and bucket >= ${bucket}::timestamptz - ${HELD_FOR}::interval and detail ? 'held'
        order by bucket desc limit 1
      ), '{}') as held,
      coalesce((
        select jsonb_agg(jsonb_build_object('asset', asset, 'currency', currency, 'last', last.price::text) order by place)
        from followed f left join lateral (
          select t.price from price_ticks t
          where t.asset = f.asset and t.currency = f.currency and t.bucket < ${bucket}
          order by t.bucket desc limit 1
        ) last on true
      ), '[]') as followed`;
  const [row] = rows;
  if (row === undefined) throw new Error('The statement that plans a tick returned no row');
  const priced = row.followed.filter((pair) => pair.last !== null);
  return {
    now: row.now,
    outcome: row.outcome,
    followed: row.followed.map(({ asset, currency }) => ({ asset, currency })),
    last: new Map(priced.map((pair) => [pairKey(pair), pair.last ?? ''])),
    held: new Map(Object.entries(row.held)),
  };
}

type PlanRow = Pick<Plan, 'now' | 'outcome'> & {
  followed: (Pair & { last: string | null })[];
  held: Record<string, string>;
};

/**
 * Writes the prices and the trace of a tick together. An existing price stays: the first price of a bucket is final. The
 * numbers of an existing trace are added up. Its outcome and detail are replaced only if its outcome is `failed`.
 *
 * @returns the number of new rows
 */
export async function record(
  db: Database,
  tick: {
    bucket: Date;
    outcome: Outcome;
    readings: readonly Reading[];
    attempts: number;
    detail: TraceDetail;
  },
): Promise<number> {
  const { bucket, outcome, readings, attempts, detail } = tick;
  // Writes in the order of the key, so that two simultaneous events wait for each other without a deadlock.
  const [row] = await db<{ written: number }[]>`
    with written as (
      insert into price_ticks (asset, currency, bucket, price, change_24h, provider_updated_at, source)
      select r.asset, r.currency, ${bucket}, r.price, r."change24h", r."updatedAt", ${SOURCE}
      from jsonb_to_recordset(${JSON.stringify(readings)}::jsonb)
        as r(asset text, currency text, price numeric, "change24h" numeric, "updatedAt" timestamptz)
      order by r.asset, r.currency
      on conflict do nothing
      returning 1
    ), counted as (
      select count(*)::int as written from written
    ), traced as (
      insert into price_fetches as f (bucket, outcome, stored, detail, attempts)
      select ${bucket}, ${outcome}, written, ${JSON.stringify(detail)}::jsonb, ${attempts} from counted
      on conflict (bucket) do update set
        outcome = case when f.outcome = 'failed' then excluded.outcome else f.outcome end,
        detail = case when f.outcome = 'failed' then excluded.detail else f.detail end,
        stored = f.stored + excluded.stored,
        attempts = f.attempts + excluded.attempts,
        finished_at = clock_timestamp()
    )
    select written from counted`;
  return row?.written ?? 0;
}

/** A stored price. In the list of the latest prices, also a pair that has no price yet. */
export type PriceRow = Pair & {
  price: string | null;
  change24h: string | null;
  /** The provider's time of the price. */
  asOf: Date | null;
  bucket: Date | null;
  stale: boolean;
  source: string | null;
};

/** Selects pairs of a watchlist; null selects all. */
export type PairFilter = { asset: string | null; currency: string | null };

/** Returns the newest price of each watched pair, in the order of asset and currency. */
export async function latest(
  tx: Transaction,
  organizationId: string,
  filter: PairFilter,
): Promise<PriceRow[]> {
  return tx<PriceRow[]>`
    select w.asset, w.currency, t.price::text, t.change_24h::text as "change24h", t.provider_updated_at as "asOf",
      t.bucket, t.source,
      coalesce(t.provider_updated_at < clock_timestamp() - ${STALE_AFTER_SECONDS} * interval '1 second', true) as stale
    from watchlists w left join lateral (
      select * from price_ticks t
      where t.asset = w.asset and t.currency = w.currency
      order by t.bucket desc limit 1
    ) t on true
    where w.organization_id = ${organizationId} and ${matchingSql(tx, filter)}
    order by w.asset, w.currency`;
}

/** A place in a range. The rows after it are older, or belong to the same bucket and are earlier in the alphabet. */
export type RangePlace = Pair & { bucket: Date };

/** Both ends belong to the range. Null leaves an end open. */
export type Range = PairFilter & { from: Date | null; to: Date | null; after: RangePlace | null };

/**
 * Returns stored prices of the watched pairs, newest first. Here, `stale` means that the price was stale when it was
 * stored.
 */
export async function inRange(
  tx: Transaction,
  organizationId: string,
  { from, to, after, limit, ...filter }: Range & { limit: number },
): Promise<(PriceRow & RangePlace)[]> {
  const end = after?.bucket ?? to;
  return tx<(PriceRow & RangePlace)[]>`
    select t.asset, t.currency, t.price::text, t.change_24h::text as "change24h", t.provider_updated_at as "asOf",
      t.bucket, t.source, t.provider_updated_at < t.bucket - ${STALE_AFTER_SECONDS} * interval '1 second' as stale
    from watchlists w cross join lateral (
      select * from price_ticks t
      where t.asset = w.asset and t.currency = w.currency
        and t.bucket >= coalesce(${from}::timestamptz, '-infinity')
        and t.bucket <= coalesce(${end}::timestamptz, 'infinity')
        and ${after ? tx`(t.bucket, t.asset, t.currency) < (${after.bucket}, ${after.asset}, ${after.currency})` : tx`true`}
      order by t.bucket desc limit ${limit}
    ) t
    where w.organization_id = ${organizationId} and ${matchingSql(tx, filter)}
    order by t.bucket desc, t.asset desc, t.currency desc
    limit ${limit}`;
}

/** An entry of a watchlist. */
export type Watched = Pair & { createdAt: Date };

export async function watchlist(tx: Transaction, organizationId: string): Promise<Watched[]> {
  return tx<Watched[]>`
    select asset, currency, created_at as "createdAt" from watchlists
    where organization_id = ${organizationId}
    order by asset, currency`;
}

/** Reason why a pair is not added. */
export type FollowRefusal = 'watchlist_full' | 'too_many_assets';

/**
 * Adds a pair, unless the pair is on the list, the list is full, or the user follows the maximum number of assets.
 * Additions to one list, and additions of one user, run one after the other, so that two at once cannot exceed a limit.
 *
 * @returns the entry, and whether it is new
 */
export async function watch(
  tx: Transaction,
  { organizationId, userId, asset, currency }: Pair & { organizationId: string; userId: string },
): Promise<{ entry: Watched; added: boolean } | { refusal: FollowRefusal }> {
  await tx`
    select pg_advisory_xact_lock(hashtextextended(${`watchlist ${organizationId}`}, 0)),
      pg_advisory_xact_lock(hashtextextended(${`assets of ${userId}`}, 0))`;
  const [row] = await tx<(Watched & { added: boolean; refusal: FollowRefusal | null })[]>`
    with present as (
      select asset, currency, created_at as "createdAt" from watchlists
      where organization_id = ${organizationId} and asset = ${asset} and currency = ${currency}
    ), refused as (
      select case
        when (select count(*) from watchlists where organization_id = ${organizationId}) >= ${MAX_WATCHED}
          then 'watchlist_full'
        when followed_assets_besides(${asset}) >= ${MAX_ASSETS_PER_USER} then 'too_many_assets'
      end as refusal
      where not exists (select from present)
    ), added as (
      insert into watchlists (organization_id, asset, currency, followed_by)
      select ${organizationId}, ${asset}, ${currency}, ${userId} from refused where refusal is null
      returning asset, currency, created_at as "createdAt"
    )
    select asset, currency, "createdAt", true as added, null as refusal from added
    union all
    select asset, currency, "createdAt", false, null from present
    union all
    select null, null, null, false, refusal from refused where refusal is not null`;
  if (row === undefined) throw new Error('The statement returned no row');
  const { added, refusal, ...entry } = row;
  return refusal === null ? { entry, added } : { refusal };
}

/** Removes entries. @returns the number of removed entries */
export async function unwatch(
  tx: Transaction,
  { organizationId, asset, currency }: { organizationId: string; asset: string; currency: string | null },
): Promise<number> {
  const { count } = await tx`
    delete from watchlists w
    where w.organization_id = ${organizationId} and ${matchingSql(tx, { asset, currency })}`;
  return count;
}

function matchingSql(tx: Transaction, { asset, currency }: PairFilter) {
  return tx`(${asset}::text is null or w.asset = ${asset}) and (${currency}::text is null or w.currency = ${currency})`;
}
