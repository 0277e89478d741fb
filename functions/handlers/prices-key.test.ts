import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Context } from 'aws-lambda';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DatabaseFixture, databaseFixture } from '../database/testing/database-fixture.ts';
import { arrange } from '../prices/testing/organizations.ts';
import { type StandInProvider, startProvider } from '../prices/testing/provider.ts';

let database: DatabaseFixture;
let provider: StandInProvider;
let secretsManager: Server;
let SecretString = 'first-key\n';

beforeAll(async () => {
  [database, provider] = await Promise.all([databaseFixture(), startProvider()]);
  secretsManager = createServer(async (request, response) => {
    const { SecretId } = JSON.parse((await request.setEncoding('utf8').toArray()).join(''));
    response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' });
    response.end(JSON.stringify(SecretId === 'coingecko' ? { SecretString } : {}));
  });
  await new Promise<void>((resolve) => secretsManager.listen(0, '127.0.0.1', resolve));
  Object.assign(process.env, {
    STAGE: 'test',
    DATABASE_URL: database.database.urlFor('prices'),
    PRICE_PROVIDER_URL: provider.url,
    PRICE_API_KEY: 'not-this-one',
    PRICE_API_KEY_SECRET: 'coingecko',
    OUTBOUND_LOOPBACK: 'allowed',
    METRICS: 'none',
    POWERTOOLS_LOG_LEVEL: 'SILENT',
    AWS_ENDPOINT_URL: `http://127.0.0.1:${(secretsManager.address() as AddressInfo).port}`,
    AWS_REGION: 'eu-central-1',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
  });
});
afterAll(async () => {
  secretsManager.close();
  await Promise.all([database.close(), provider.close()]);
});

test('the key is the secret’s, and a renewed one is sent from the next tick on', async () => {
  await arrange(database).organization([{ asset: 'bitcoin', currency: 'usd' }]);
  const { handler } = await import('./prices.ts');
  const tickAt = (millis: number) =>
    handler(
      {
        version: '0',
        id: '53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa',
        'detail-type': 'Scheduled Event',
        source: 'aws.events',
        account: '123456789012',
        time: new Date(millis).toISOString(),
        region: 'eu-central-1',
        resources: [],
        detail: {},
      },
      { getRemainingTimeInMillis: () => 60_000 } as Context,
    );
  await tickAt(Date.now() - 300_000);
  SecretString = 'second-key';
  await tickAt(Date.now());
  expect(provider.requests.map(({ headers }) => headers['x-cg-demo-api-key'])).toEqual([
    'first-key',
    'second-key',
  ]);
});
