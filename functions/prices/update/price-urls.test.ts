import { expect, test } from 'vitest';
import { priceCalls } from './price-urls.ts';

const BASE = 'https://api.coingecko.com/api/v3';
const many = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ asset: `asset-${n}`, currency: 'usd' }));

test('all watched pairs are fetched by one call, with each id and currency once', () => {
  const pairs = [
    { asset: 'bitcoin', currency: 'usd' },
    { asset: 'bitcoin', currency: 'eur' },
    { asset: 'ethereum', currency: 'usd' },
  ];
  const { calls, left } = priceCalls(`${BASE}/`, pairs);
  expect(left).toEqual([]);
  expect(calls.map(({ url }) => url)).toEqual([
    `${BASE}/simple/price?vs_currencies=eur,usd&include_last_updated_at=true&include_24hr_change=true&precision=full&ids=bitcoin,ethereum`,
  ]);
  expect(calls[0]?.pairs).toEqual(pairs);
});

test('five hundred ordinary ids still make one call', () => {
  expect(priceCalls(BASE, many(500)).calls).toHaveLength(1);
});

test('a longer union makes several calls of bounded length, and what does not fit in four is left', () => {
  const pairs = many(5000);
  const { calls, left } = priceCalls(BASE, pairs);
  expect(calls).toHaveLength(4);
  for (const { url } of calls) expect(url.length).toBeLessThanOrEqual(7000);
  expect([...calls.flatMap((call) => call.pairs), ...left]).toEqual(pairs);
  expect(left.length).toBeGreaterThan(0);
});

test('without watched pairs there is no call', () => {
  expect(priceCalls(BASE, [])).toEqual({ calls: [], left: [] });
});
