import { expect, test } from 'vitest';
import { BITCOIN, ETHEREUM, priceTicks } from '../testing/price-ticks.ts';

const stage = priceTicks();
const { event, run, prices, traces } = stage;

test('the union of all watchlists is fetched in one request and stored in two statements', async () => {
  await stage.arranged.organization([BITCOIN, ETHEREUM]);
  await stage.arranged.organization([BITCOIN]);
  const tick = await run();
  expect(tick).toMatchObject({ outcome: 'stored', stored: 2, repeated: false });
  expect(stage.provider.requests).toHaveLength(1);
  const asked = Object.fromEntries(stage.provider.requests[0]?.url.searchParams ?? []);
  expect({ ...asked, ids: asked.ids?.split(',').sort() }).toEqual({
    vs_currencies: 'eur,usd',
    include_last_updated_at: 'true',
    include_24hr_change: 'true',
    precision: 'full',
    // Assets without a price come in an order that differs from tick to tick.
    ids: ['bitcoin', 'ethereum'],
  });
  expect(stage.statements).toBe(2);
  const rows = await stage.admin`
    select asset, currency, price::text, change_24h::text, source, bucket from price_ticks order by asset`;
  expect(rows).toEqual([
    {
      ...BITCOIN,
      price: '67187.3358936566',
      change_24h: '3.637278946773539',
      source: 'coingecko',
      bucket: tick.bucket,
    },
    { ...ETHEREUM, price: '3198.62', change_24h: null, source: 'coingecko', bucket: tick.bucket },
  ]);
  expect(tick.bucket.getTime() % 300_000).toBe(0);
  expect(tick.bucket.getTime()).toBe(Math.floor(event().getTime() / 300_000) * 300_000);
  expect(await traces()).toMatchObject([{ outcome: 'stored', stored: 2, attempts: 1 }]);
  expect(stage.logged).toMatchObject([{ level: 'info', fields: { outcome: 'stored', stored: 2 } }]);
});

test('digits survive that no float has', async () => {
  await stage.arranged.organization([BITCOIN]);
  for (const [n, [said, stored]] of [
    ['0.12345678901234567890123456789', '0.12345678901234567890123456789'],
    ['1.20e-1', '0.120'],
    ['0.1000', '0.1000'],
  ].entries()) {
    // An old time, because the earlier buckets accept no current price.
    stage.provider.quotes.set('bitcoin', { usd: said ?? '', last_updated_at: '1711356300' });
    await run(n - 3);
    expect((await prices()).at(-1)).toBe(stored);
  }
});

test('when nothing is watched, no request is sent', async () => {
  await stage.arranged.organization();
  expect(await run()).toMatchObject({ outcome: 'nothing_watched', stored: 0 });
  expect(stage.provider.requests).toEqual([]);
  expect(await traces()).toMatchObject([{ outcome: 'nothing_watched', attempts: 0 }]);
});

test('a repeated event changes nothing, even if the price has changed', async () => {
  await stage.arranged.organization([BITCOIN]);
  await run();
  stage.provider.quotes.set('bitcoin', { usd: '67190' });
  stage.statements = 0;
  expect(await run()).toMatchObject({ outcome: 'stored', stored: 0, repeated: true });
  expect(stage.provider.requests).toHaveLength(1);
  expect(stage.statements).toBe(1);
  expect(await prices()).toEqual(['67187.3358936566']);
});

test('two events at once leave one row for each pair and one trace', async () => {
  await stage.arranged.organization([BITCOIN, ETHEREUM]);
  const ticks = await Promise.all([run(0, stage.db), run(0, stage.db2)]);
  expect(ticks.reduce((sum, { stored }) => sum + stored, 0)).toBe(2);
  expect(await prices()).toHaveLength(2);
  expect(await traces()).toMatchObject([{ outcome: 'stored', stored: 2 }]);
});

test('an event that is minutes late stores into its own bucket; much later it stores nothing', async () => {
  await stage.arranged.organization([BITCOIN]);
  expect((await run(-1)).bucket.getTime()).toBe(Math.floor(event(-1).getTime() / 300_000) * 300_000);
  expect(await prices()).toHaveLength(1);
  expect(await run(-3)).toMatchObject({ outcome: 'failed', stored: 0 });
  expect(await prices()).toHaveLength(1);
  expect((await traces())[0]?.detail).toMatchObject({ faults: { too_new: 1 } });
});

test('an event from the future is refused', async () => {
  await expect(run(2)).rejects.toThrow('from the future');
  expect(await traces()).toEqual([]);
});

test('a long union has a bounded number of calls and a bounded trace, and pairs of others displace none', async () => {
  const bucket = new Date(Math.floor(event(-1).getTime() / 300_000) * 300_000).toISOString();
  const names = Array.from({ length: 900 }, (_, n) => ({
    asset: `asset-${'x'.repeat(60)}-${n}`,
    currency: 'usd',
  }));
  const [known, unknown] = [names.slice(0, 450), names.slice(450)];
  await stage.arranged.organization([BITCOIN]);
  await stage.arranged.tick({ ...BITCOIN, bucket, price: '67000' });
  for (const pair of known) await stage.arranged.tick({ ...pair, bucket, price: '1' });
  for (let n = 0; n < 3; n += 1) await stage.arranged.organization([...known, ...unknown]);
  expect(await run()).toMatchObject({ stored: 1 });
  expect(stage.provider.requests).toHaveLength(4);
  expect(stage.provider.requests[0]?.url.searchParams.get('ids')).toMatch(/^bitcoin,/);
  expect(stage.statements).toBe(2);
  const [trace] = await traces();
  expect(trace?.detail.faults.over_limit).toBeGreaterThan(0);
  expect(trace?.detail.pairs).toHaveLength(50);
  expect(JSON.stringify(trace?.detail).length).toBeLessThan(20_000);
});

test('the function’s role sees the watched pairs, but not the users', async () => {
  await stage.arranged.organization([BITCOIN]);
  expect(await stage.db`select asset, currency from watchlists`).toEqual([BITCOIN]);
  await expect(stage.db`select organization_id from watchlists`).rejects.toThrow('permission denied');
  await expect(stage.db`select * from organizations`).rejects.toThrow('permission denied');
});

for (const price of ['NaN', 'Infinity', '0', '-1']) {
  test(`the table itself refuses a price of ${price}`, async () => {
    const bucket = '2026-01-01T00:00:00Z';
    await expect(stage.arranged.tick({ ...BITCOIN, bucket, price })).rejects.toThrow(
      'violates check constraint',
    );
  });
}
