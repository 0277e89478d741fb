import type { Context } from 'aws-lambda';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DatabaseFixture, databaseFixture } from '../database/testing/database-fixture.ts';
import { arrange } from '../prices/testing/organizations.ts';
import { type StandInProvider, startProvider } from '../prices/testing/provider.ts';

let database: DatabaseFixture;
let provider: StandInProvider;

beforeAll(async () => {
  [database, provider] = await Promise.all([databaseFixture(), startProvider()]);
  Object.assign(process.env, {
    STAGE: 'test',
    DATABASE_URL: database.database.urlFor('prices'),
    PRICE_PROVIDER_URL: provider.url,
    PRICE_API_KEY: 'demo-key',
    OUTBOUND_LOOPBACK: 'allowed',
    METRICS: 'none',
    POWERTOOLS_LOG_LEVEL: 'SILENT',
  });
});
afterAll(() => Promise.all([database.close(), provider.close()]));

const context = { getRemainingTimeInMillis: () => 60_000 } as Context;
/** Returns a scheduled event as EventBridge documents it. */
const scheduled = (time: string) => ({
  version: '0',
  id: '53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa',
  'detail-type': 'Scheduled Event' as const,
  source: 'aws.events',
  account: '123456789012',
  time,
  region: 'eu-central-1',
  resources: ['arn:aws:events:eu-central-1:123456789012:rule/prices'],
  detail: {},
});

test('a scheduled event stores the prices of its bucket, asked for with the key', async () => {
  await arrange(database).organization([{ asset: 'bitcoin', currency: 'usd' }]);
  const { handler } = await import('./prices.ts');
  const time = new Date(Math.floor(Date.now() / 1000) * 1000).toISOString().replace('.000', '');
  const tick = await handler(scheduled(time), context);
  expect(tick).toMatchObject({ outcome: 'stored', stored: 1, repeated: false });
  expect(await handler(scheduled(time), context)).toMatchObject({ stored: 0, repeated: true });
  expect(provider.requests.map(({ headers }) => headers['x-cg-demo-api-key'])).toEqual(['demo-key']);
  expect(await database.admin`select price::text, bucket from price_ticks`).toEqual([
    { price: '67187.3358936566', bucket: tick.bucket },
  ]);
});

test('an event without a time is refused', async () => {
  const { handler } = await import('./prices.ts');
  await expect(handler(scheduled('now'), context)).rejects.toThrow();
});
