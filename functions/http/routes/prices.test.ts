import { v7 as uuidv7 } from 'uuid';
import { expect, test } from 'vitest';
import { asMember } from '../../database/enter.ts';
import * as store from '../../prices/store.ts';
import { BITCOIN, BITCOIN_EUR, ETHEREUM, priceApi } from '../../prices/testing/price-api.ts';

const api = priceApi();
const { enterOrganization, prices, request } = api;

/** Returns a time in the past, in RFC 3339 with the precision of stored times: seconds. */
const secondsAgo = (seconds: number) =>
  new Date(Math.floor(Date.now() / 1000 - seconds) * 1000).toISOString();
const BUCKETS = ['2026-03-01T12:00:00.000Z', '2026-03-01T12:05:00.000Z', '2026-03-01T12:10:00.000Z'] as const;
const [FIRST, SECOND] = BUCKETS;

test('the latest price of each watched pair is listed, as text, with and without the trailing slash', async () => {
  const id = await enterOrganization([BITCOIN, ETHEREUM]);
  const asOf = secondsAgo(60);
  await api.arranged.tick({ ...BITCOIN, bucket: FIRST, price: '1' });
  await api.arranged.tick({ ...BITCOIN, bucket: SECOND, price: '67187.33589365660', asOf });
  for (const path of [`/api/organizations/${id}/prices/`, `/api/organizations/${id}/prices`]) {
    expect(await request('GET', path)).toEqual({
      status: 200,
      body: {
        results: [
          {
            ...BITCOIN,
            price: '67187.33589365660',
            change_24h: '1.5',
            as_of: asOf,
            bucket: SECOND,
            stale: false,
            source: 'coingecko',
          },
          {
            ...ETHEREUM,
            price: null,
            change_24h: null,
            as_of: null,
            bucket: null,
            stale: true,
            source: null,
          },
        ],
        next_cursor: null,
      },
    });
  }
});

for (const [ageSeconds, stale] of [
  [0, false],
  [590, false],
  [610, true],
  [86_400, true],
] as const) {
  test(`a price made ${ageSeconds} s ago is ${stale ? 'stale' : 'fresh'}`, async () => {
    const id = await enterOrganization([BITCOIN]);
    await api.arranged.tick({ ...BITCOIN, bucket: FIRST, price: '1', asOf: secondsAgo(ageSeconds) });
    expect((await prices(id)).body.results).toMatchObject([{ stale }]);
  });
}

test('very small and very large prices have no exponent', async () => {
  const id = await enterOrganization([BITCOIN, ETHEREUM]);
  const [small, large] = ['0.000000000000000000000000000001', '999999999999999999.999999999999999999'];
  await api.arranged.tick({ ...BITCOIN, bucket: FIRST, price: small });
  await api.arranged.tick({ ...ETHEREUM, bucket: FIRST, price: large });
  expect((await prices(id)).body.results).toMatchObject([{ price: small }, { price: large }]);
});

test('only what is on the watchlist is shown, in the latest and in a range', async () => {
  const id = await enterOrganization([BITCOIN]);
  for (const pair of [BITCOIN, BITCOIN_EUR, ETHEREUM]) {
    await api.arranged.tick({ ...pair, bucket: FIRST, price: '1' });
  }
  for (const query of ['', `?from=${FIRST}`, '?asset=bitcoin']) {
    expect((await prices(id, query)).body.results).toMatchObject([BITCOIN]);
  }
  expect((await prices(id, '?asset=ethereum&limit=10')).body.results).toEqual([]);
});

test('a range is newest first, includes both ends, and can be narrowed to a pair', async () => {
  const id = await enterOrganization([BITCOIN, BITCOIN_EUR]);
  for (const [n, bucket] of BUCKETS.entries()) {
    await api.arranged.tick({ ...BITCOIN, bucket, price: String(n + 1) });
    await api.arranged.tick({ ...BITCOIN_EUR, bucket, price: String(n + 10) });
  }
  const CASES: [query: string, expected: string[]][] = [
    ['?limit=10', ['3', '12', '2', '11', '1', '10']],
    [`?from=${SECOND}`, ['3', '12', '2', '11']],
    [`?to=${SECOND}&currency=usd`, ['2', '1']],
    [`?from=${SECOND}&to=${SECOND}`, ['2', '11']],
    ['?from=2026-03-01T13:05:00%2B01:00&asset=bitcoin&currency=eur', ['12', '11']],
    ['?from=2026-03-01T12:10:01Z', []],
    ['?limit=1', ['3']],
  ];
  for (const [query, expected] of CASES) {
    const { body } = await prices(id, query);
    expect([query, body.results.map((row: { price: string }) => row.price)]).toEqual([query, expected]);
  }
});

test('in a range, stale means that the price was old when it was stored', async () => {
  const id = await enterOrganization([BITCOIN]);
  await api.arranged.tick({ ...BITCOIN, bucket: FIRST, price: '1', asOf: '2026-03-01T11:49:00Z' });
  await api.arranged.tick({ ...BITCOIN, bucket: SECOND, price: '2' });
  expect((await prices(id, '?limit=5')).body.results).toMatchObject([
    { price: '2', stale: false },
    { price: '1', stale: true },
  ]);
});

test('pages of any size put together are the whole range, each row once', async () => {
  const id = await enterOrganization([BITCOIN, BITCOIN_EUR, ETHEREUM]);
  for (const bucket of BUCKETS) {
    for (const pair of [BITCOIN, BITCOIN_EUR, ETHEREUM])
      await api.arranged.tick({ ...pair, bucket, price: '1' });
  }
  const whole = (await prices(id, '?limit=100')).body.results;
  expect(whole).toHaveLength(9);
  for (const limit of [1, 2, 4, 9]) {
    const pages = [];
    let cursor: string | null = null;
    do {
      const { body } = await prices(id, `?limit=${limit}&from=${FIRST}${cursor ? `&cursor=${cursor}` : ''}`);
      expect(body.results.length).toBeLessThanOrEqual(limit);
      pages.push(...body.results);
      cursor = body.next_cursor;
    } while (cursor);
    expect(pages).toEqual(whole);
  }
});

test('a foreign and an unknown organization get the same answer on every route', async () => {
  const { id: foreign } = await api.arranged.organization([BITCOIN]);
  await api.arranged.tick({ ...BITCOIN, bucket: FIRST, price: '1' });
  await enterOrganization([ETHEREUM]);
  for (const [method, path, body] of [
    ['GET', 'prices/', undefined],
    ['GET', 'prices/?limit=5', undefined],
    ['GET', 'watchlist/', undefined],
    ['POST', 'watchlist/', { asset: 'bitcoin' }],
    ['DELETE', 'watchlist/bitcoin/', undefined],
  ] as const) {
    const answers = await Promise.all(
      [foreign, uuidv7()].map((id) => request(method, `/api/organizations/${id}/${path}`, body)),
    );
    expect(answers[0]).toEqual(answers[1]);
    expect(answers[0]).toMatchObject({ status: 404, body: { code: 'organization_not_found' } });
  }
  expect(await api.admin`select count(*)::int as n from watchlists`).toEqual([{ n: 2 }]);
});

test('behind the routes, row-level security hides and protects the rows of others', async () => {
  const { id: foreign } = await api.arranged.organization([BITCOIN]);
  await enterOrganization();
  await asMember(api.db, api.principal, async (tx) => {
    expect(await store.watchlist(tx, foreign)).toEqual([]);
    expect(await store.latest(tx, foreign, { asset: null, currency: null })).toEqual([]);
    expect(await store.unwatch(tx, { organizationId: foreign, asset: 'bitcoin', currency: null })).toBe(0);
  });
  const adding = asMember(api.db, api.principal, (tx) =>
    store.watch(tx, { organizationId: foreign, userId: api.principal.userId, ...ETHEREUM }),
  );
  await expect(adding).rejects.toThrow('row-level security');
  await expect(api.db`select * from price_fetches`).rejects.toThrow('permission denied');
});

test('an ended session reads nothing', async () => {
  const id = await enterOrganization([BITCOIN]);
  await api.admin`update sessions set revoked_at = now()`;
  expect(await prices(id)).toMatchObject({ status: 401, body: { code: 'session_ended' } });
});

const BAD_QUERIES: [query: string, pointer: string][] = [
  ['?from=yesterday', '/from'],
  ['?from=2026-03-01', '/from'],
  ['?from=2026-03-01T12:00:00', '/from'],
  ['?from=2026-02-30T12:00:00Z', '/from'],
  ['?from=0000-01-01T00:00:00Z', '/from'],
  ['?to=1969-12-31T23:59:59Z', '/to'],
  ['?to=9999-12-31T23:59:59-12:00', '/to'],
  ['?from=1741000000', '/from'],
  ['?from=', '/from'],
  ['?from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z', '/from'],
  ['?from=2026-03-01T12:00:00Z&from=2026-03-01T12:00:00Z', '/from'],
  ['?limit=0', '/limit'],
  ['?limit=1001', '/limit'],
  ['?limit=-1', '/limit'],
  ['?limit=1.5', '/limit'],
  ['?limit=1e2', '/limit'],
  ['?limit=many', '/limit'],
  ['?limit=', '/limit'],
  ['?asset=Bitcoin', '/asset'],
  ['?asset=%00', '/asset'],
  [`?asset=${'a'.repeat(101)}`, '/asset'],
  ['?currency=USD', '/currency'],
  ['?currency=doubloon', '/currency'],
  ['?cursor=nonsense', '/cursor'],
  ['?cursor=', '/cursor'],
  [`?cursor=${Buffer.from('1/bitcoin/usd\0').toString('base64url')}`, '/cursor'],
  [`?cursor=${Buffer.from('99999999999999/bitcoin/usd').toString('base64url')}`, '/cursor'],
  ['?colour=red', '/colour'],
  ['?__proto__=1', '/__proto__'],
];
for (const [query, pointer] of BAD_QUERIES) {
  test(`prices with ${query.slice(0, 60)} are refused at ${pointer}`, async () => {
    const id = await enterOrganization([BITCOIN]);
    const { status, body } = await prices(id, query);
    expect({ status, pointers: body.errors?.map((error: { pointer: string }) => error.pointer) }).toEqual({
      status: 400,
      pointers: [pointer],
    });
    expect(api.faults).toEqual([]);
  });
}

test('an id that is no UUID is refused', async () => {
  expect(await prices('42')).toMatchObject({
    status: 400,
    body: { errors: [{ in: 'path', pointer: '/id' }] },
  });
});

test('the routes describe themselves', () => {
  const { paths } = api.app.getOpenAPI31Document({ openapi: '3.1.0', info: { title: 'x', version: '1' } });
  expect(Object.keys(paths ?? {})).toContain('/api/organizations/{id}/prices');
});
