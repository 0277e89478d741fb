import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DatabaseFixture, databaseFixture } from '../../functions/database/testing/database-fixture.ts';
import { guardedFetch } from '../../functions/fetch/client/guarded-fetch.ts';
import { textGetter } from '../../functions/fetch/get-text.ts';
import { MAX_WATCHED } from '../../functions/prices/price.ts';
import { arrange } from '../../functions/prices/testing/organizations.ts';
import { type StandInProvider, startProvider } from '../../functions/prices/testing/provider.ts';
import { updatePrices } from '../../functions/prices/update/update-prices.ts';

/*
 * 14 organizations follow the same 350 assets with long names, by 700 requests. They once pushed out an asset that
 * another organization had followed earlier: the most followed assets came first, and four calls have room for only 272
 * such names.
 */

let on: DatabaseFixture;
let provider: StandInProvider;

beforeAll(async () => {
  [on, provider] = [await databaseFixture(), await startProvider()];
});
afterAll(async () => {
  await provider?.close();
  await on?.close();
});

const fetch = textGetter(guardedFetch({ loopback: 'allowed' }));

/** Runs the tick for a time. @returns the assets that the provider was asked for */
async function askedAt(time: Date): Promise<Set<string>> {
  const before = provider.requests.length;
  const clock = {
    elapsed: () => performance.now() / 1000,
    sleep: (seconds: number) => sleep(seconds),
    random: () => 0,
  };
  const deps = {
    db: on.as('prices'),
    baseUrl: provider.url,
    headers: {},
    fetchText: fetch,
    clock,
    log: () => {},
  };
  await updatePrices(deps, time, 30);
  const asked = provider.requests
    .slice(before)
    .flatMap(({ url }) => url.searchParams.get('ids')?.split(',') ?? []);
  return new Set(asked);
}

test('an asset that is followed already is asked for, whatever others follow after it', async () => {
  const arranged = arrange(on);
  const now = Date.now();
  // Its name is as long as the others: a short name would fit into the last call.
  const first = 'first-'.padEnd(100, 'x');
  provider.quotes.set(first, { usd: '1.5' });
  await arranged.organization([{ asset: first, currency: 'usd' }]);
  expect(await askedAt(new Date(now - 300_000))).toContain(first);
  for (let n = 0; n < 14; n += 1) {
    const names = Array.from({ length: MAX_WATCHED }, (_, at) => `asset-${n % 7}-${at}-`.padEnd(100, 'x'));
    await arranged.organization(names.map((asset) => ({ asset, currency: 'usd' })));
  }
  const asked = await askedAt(new Date(now));
  expect(asked).toContain(first);
  // The calls are nevertheless full.
  expect(asked.size).toBeGreaterThan(200);
});
