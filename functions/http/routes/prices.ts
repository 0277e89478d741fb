import { createRoute } from '@hono/zod-openapi';
import * as z from 'zod';
import type { Database } from '../../database/connect.ts';
import { CURRENCIES } from '../../prices/currencies.ts';
import { ASSET_PATTERN } from '../../prices/price.ts';
import { decodeRangeCursor, encodeRangeCursor, RANGE_CURSOR } from '../../prices/range-cursor.ts';
import { latestPrices, pricesInRange } from '../../prices/read-prices.ts';
import type { PriceRow, Watched } from '../../prices/store.ts';
import { follow, listWatched, unfollow } from '../../prices/watchlist.ts';
import { Id } from '../../text-rules.ts';
import { timestamp } from '../../timestamp.ts';
import type { App } from '../app/app.ts';
import { answer, json, problems, secured } from '../app/describe.ts';
import { cursorParameter } from '../pages/cursor.ts';
import { pageOf } from '../pages/page.ts';
import { wholeNumber } from '../pages/page-limit.ts';

const DEFAULT_PAGE = 100;
const MAX_PAGE = 1000;

const Asset = z.string().regex(ASSET_PATTERN, 'Must be a CoinGecko id in lower case, such as bitcoin');
const Currency = z.enum(CURRENCIES, { error: 'Must be a supported currency in lower case, such as usd' });
const Time = timestamp.transform((text) => new Date(text));

const Organization = z.strictObject({ id: Id });

const PriceQuery = z
  .strictObject({
    asset: Asset.optional(),
    currency: Currency.optional(),
    from: Time.optional(),
    to: Time.optional(),
    limit: wholeNumber(MAX_PAGE).optional().describe(`Default: ${DEFAULT_PAGE}`),
    cursor: cursorParameter(RANGE_CURSOR, decodeRangeCursor),
  })
  .refine(({ from, to }) => !from || !to || from <= to, { path: ['from'], error: 'Must not be after to' });

const Price = z.object({
  asset: z.string(),
  currency: z.string(),
  price: z.string().nullable().describe("Decimal, with the provider's digits; null until the first tick"),
  change_24h: z.string().nullable().describe('Percent'),
  as_of: z.iso.datetime().nullable().describe("The provider's time of the price"),
  bucket: z.iso.datetime().nullable().describe('Five-minute tick that stored the price'),
  stale: z
    .boolean()
    .describe(
      'True when the price is older than ten minutes: now, or for a stored price, when it was stored',
    ),
  source: z.string().nullable(),
});

const WatchlistEntry = z.object({ asset: z.string(), currency: z.string(), created_at: z.iso.datetime() });

const getPrices = createRoute({
  method: 'get',
  path: '/api/organizations/{id}/prices',
  operationId: 'listPrices',
  summary: 'Prices of the assets on the watchlist',
  description:
    'The latest prices. With `from`, `to`, `limit` or `cursor`: a page of stored prices, newest first. ' +
    'The range includes both ends.',
  ...secured('Prices'),
  request: { params: Organization, query: PriceQuery },
  responses: {
    200: answer('Prices', pageOf(Price)),
    ...problems(400, 401, 404),
  },
});

const getWatchlist = createRoute({
  method: 'get',
  path: '/api/organizations/{id}/watchlist',
  operationId: 'listWatchlist',
  summary: 'List the watchlist of an organization',
  ...secured('Prices'),
  request: { params: Organization },
  responses: {
    200: answer('Entries', z.object({ results: z.array(WatchlistEntry), next_cursor: z.null() })),
    ...problems(400, 401, 404),
  },
});

const addToWatchlist = createRoute({
  method: 'post',
  path: '/api/organizations/{id}/watchlist',
  operationId: 'addToWatchlist',
  summary: 'Add an asset in a currency to the watchlist',
  ...secured('Prices'),
  request: {
    params: Organization,
    body: json(z.strictObject({ asset: Asset, currency: Currency.default('usd') })),
  },
  responses: {
    200: answer('The entry existed already', WatchlistEntry),
    201: answer('Added. Prices follow with the next tick', WatchlistEntry),
    ...problems(400, 401, 403, 404, 409, 413, 415),
  },
});

const removeFromWatchlist = createRoute({
  method: 'delete',
  path: '/api/organizations/{id}/watchlist/{asset}',
  operationId: 'removeFromWatchlist',
  summary: 'Remove an asset from the watchlist, in one currency or in all',
  ...secured('Prices'),
  request: {
    params: Organization.extend({ asset: Asset }),
    query: z.strictObject({ currency: Currency.optional() }),
  },
  responses: { 204: { description: 'Removed' }, ...problems(400, 401, 403, 404) },
});

/** Registers the routes of prices and of an organization's watchlists. `principal` is set before a route is reached. */
export function registerPriceRoutes(app: App, deps: { db: Database }): void {
  app.openapi(getPrices, async (c) => {
    const { id } = c.req.valid('param');
    const { asset = null, currency = null, from, to, limit, cursor } = c.req.valid('query');
    const filter = { asset, currency };
    if (!from && !to && !limit && !cursor) {
      const latest = await latestPrices(deps, c.var.principal, { organizationId: id, filter });
      return c.json({ results: latest.map(priceView), next_cursor: null }, 200);
    }
    const range = { ...filter, from: from ?? null, to: to ?? null, after: cursor ?? null };
    const page = await pricesInRange(deps, c.var.principal, {
      organizationId: id,
      range,
      limit: limit ?? DEFAULT_PAGE,
    });
    const nextCursor = page.next && encodeRangeCursor(page.next);
    return c.json({ results: page.prices.map(priceView), next_cursor: nextCursor }, 200);
  });

  app.openapi(getWatchlist, async (c) => {
    const entries = await listWatched(deps, c.var.principal, c.req.valid('param').id);
    return c.json({ results: entries.map(entryView), next_cursor: null }, 200);
  });

  app.openapi(addToWatchlist, async (c) => {
    const pair = c.req.valid('json');
    const { entry, added } = await follow(deps, c.var.principal, {
      organizationId: c.req.valid('param').id,
      pair,
    });
    return c.json(entryView(entry), added ? 201 : 200);
  });

  app.openapi(removeFromWatchlist, async (c) => {
    const { id, asset } = c.req.valid('param');
    await unfollow(deps, c.var.principal, {
      organizationId: id,
      asset,
      currency: c.req.valid('query').currency ?? null,
    });
    return c.body(null, 204);
  });
}

function priceView(row: PriceRow): z.infer<typeof Price> {
  return {
    asset: row.asset,
    currency: row.currency,
    price: row.price,
    change_24h: row.change24h,
    as_of: row.asOf?.toISOString() ?? null,
    bucket: row.bucket?.toISOString() ?? null,
    stale: row.stale,
    source: row.source,
  };
}

function entryView({ asset, currency, createdAt }: Watched): z.infer<typeof WatchlistEntry> {
  return { asset, currency, created_at: createdAt.toISOString() };
}
