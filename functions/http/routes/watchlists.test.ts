import { expect, test } from 'vitest';
import type { Database } from '../../database/connect.ts';
import { asMember } from '../../database/enter.ts';
import { MAX_ASSETS_PER_USER } from '../../prices/price.ts';
import * as store from '../../prices/store.ts';
import { BITCOIN, BITCOIN_EUR, ETHEREUM, priceApi, watchlist } from '../../prices/testing/price-api.ts';

const api = priceApi();
const { enterOrganization, prices, request } = api;

test('the watchlist is listed, added to and removed from', async () => {
  const id = await enterOrganization([BITCOIN]);
  const added = await request('POST', watchlist(id), { asset: 'ripple', currency: 'eur' });
  expect(added).toMatchObject({ status: 201, body: { asset: 'ripple', currency: 'eur' } });
  expect(await request('POST', watchlist(id), { asset: 'ripple', currency: 'eur' })).toEqual({
    ...added,
    status: 200,
  });
  expect(await request('POST', watchlist(id), { asset: 'ripple' })).toMatchObject({
    status: 201,
    body: { currency: 'usd' },
  });
  expect((await request('GET', watchlist(id))).body.results).toMatchObject([
    BITCOIN,
    { asset: 'ripple', currency: 'eur' },
    { asset: 'ripple', currency: 'usd' },
  ]);
  expect((await request('DELETE', `${watchlist(id)}ripple/?currency=eur`)).status).toBe(204);
  expect((await request('DELETE', `${watchlist(id)}ripple/?currency=eur`)).body.code).toBe('not_watched');
  expect((await request('DELETE', `${watchlist(id)}bitcoin`)).status).toBe(204);
  expect((await request('GET', watchlist(id))).body.results).toMatchObject([
    { asset: 'ripple', currency: 'usd' },
  ]);
});

test('without a currency, an asset is removed in all', async () => {
  const id = await enterOrganization([BITCOIN, BITCOIN_EUR, ETHEREUM]);
  expect((await request('DELETE', `${watchlist(id)}bitcoin/`)).status).toBe(204);
  expect((await request('GET', watchlist(id))).body.results).toMatchObject([ETHEREUM]);
});

test('a watchlist has at most fifty pairs, even when two are added at once', async () => {
  const id = await enterOrganization(
    Array.from({ length: 49 }, (_, n) => ({ asset: `a${n}`, currency: 'usd' })),
  );
  const add = (on: Database, asset: string) =>
    asMember(on, api.principal, (tx) =>
      store.watch(tx, { organizationId: id, userId: api.principal.userId, asset, currency: 'usd' }),
    );
  const results = await Promise.all([add(api.db, 'x'), add(api.on.as('api'), 'y')]);
  expect(results.filter((result) => 'entry' in result)).toHaveLength(1);
  expect(results.filter((result) => 'refusal' in result)).toEqual([{ refusal: 'watchlist_full' }]);
  const full = await request('POST', watchlist(id), { asset: 'z' });
  expect(full).toMatchObject({ status: 409, body: { code: 'watchlist_full', limit: 50 } });
  expect((await request('POST', watchlist(id), { asset: 'a0' })).status).toBe(200);
});

test('a user has a maximum of assets over all organizations, including organizations that the user has left', async () => {
  const id = await enterOrganization();
  const follow = (asset: string) => request('POST', watchlist(id), { asset });
  expect((await follow('first')).status).toBe(201);
  // Assets of an organization that the user has left do not count: one less than the limit, in two currencies.
  const left = (await api.arranged.organization()).id;
  await api.admin`
    insert into watchlists (organization_id, asset, currency, followed_by)
    select ${left}, 'a' || n, currency, ${api.principal.userId}
    from generate_series(2, ${MAX_ASSETS_PER_USER - 1}::integer) n, unnest(array['usd', 'eur']) currency`;
  expect((await follow('last')).status).toBe(201);
  const refused = { status: 409, body: { code: 'too_many_assets', limit: MAX_ASSETS_PER_USER } };
  expect(await follow('more')).toMatchObject(refused);
  // Another currency, or the same asset in another organization, is no additional asset.
  expect((await request('POST', watchlist(id), { asset: 'last', currency: 'eur' })).status).toBe(201);
  expect((await follow('a2')).status).toBe(201);
  expect((await follow('last')).status).toBe(200);
  await api.admin`delete from watchlists where organization_id = ${left} and asset = 'a3'`;
  const both = await Promise.all([follow('x'), follow('y')]);
  expect(both.map(({ status }) => status).toSorted()).toEqual([201, 409]);
});

test('a viewer reads and changes nothing', async () => {
  const id = await enterOrganization([BITCOIN], 'viewer');
  expect((await prices(id)).status).toBe(200);
  for (const [method, path, body] of [
    ['POST', watchlist(id), { asset: 'ripple' }],
    ['DELETE', `${watchlist(id)}bitcoin/`, undefined],
  ] as const) {
    expect(await request(method, path, body)).toMatchObject({
      status: 403,
      body: { code: 'role_insufficient' },
    });
  }
  expect(await api.admin`select asset from watchlists`).toEqual([{ asset: 'bitcoin' }]);
});

const BAD_BODIES: [body: unknown, pointer: string][] = [
  [{}, '/asset'],
  [{ asset: null }, '/asset'],
  [{ asset: 1 }, '/asset'],
  [{ asset: '' }, '/asset'],
  [{ asset: 'Bitcoin' }, '/asset'],
  [{ asset: 'bit coin' }, '/asset'],
  [{ asset: '../etc' }, '/asset'],
  [{ asset: 'bitcoin,ethereum' }, '/asset'],
  [{ asset: 'bitcoin\n' }, '/asset'],
  [{ asset: 'b'.repeat(101) }, '/asset'],
  [{ asset: 'bitcoin', currency: 'USD' }, '/currency'],
  [{ asset: 'bitcoin', currency: 'doubloon' }, '/currency'],
  [{ asset: 'bitcoin', currency: null }, '/currency'],
  [{ asset: 'bitcoin', alert: true }, '/alert'],
  [['bitcoin'], ''],
];
for (const [body, pointer] of BAD_BODIES) {
  test(`following ${JSON.stringify(body).slice(0, 60)} is refused at ${pointer || 'the whole'}`, async () => {
    const id = await enterOrganization();
    const answer = await request('POST', watchlist(id), body);
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ in: 'body', pointer }] } });
    expect(await api.admin`select asset from watchlists`).toEqual([]);
    expect(api.faults).toEqual([]);
  });
}
