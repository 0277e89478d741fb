import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DatabaseFixture, databaseFixture } from '../database/testing/database-fixture.ts';

let on: DatabaseFixture;
let secretsManager: Server;
let handler: typeof import('./auth.ts').handler;
let session: typeof import('./session.ts').handler;

/** The secret before its first rotation: one version. */
const VERSIONS: Record<string, string> = { AWSCURRENT: 'x'.repeat(64) };

beforeAll(async () => {
  on = await databaseFixture();
  secretsManager = createServer(async (request, response) => {
    const body = JSON.parse((await request.setEncoding('utf8').toArray()).join(''));
    const SecretString = body.SecretId === 'the-signing-secret' ? VERSIONS[body.VersionStage] : undefined;
    response.writeHead(SecretString ? 200 : 400, { 'content-type': 'application/x-amz-json-1.1' });
    response.end(JSON.stringify(SecretString ? { SecretString } : { __type: 'ResourceNotFoundException' }));
  });
  await new Promise<void>((resolve) => secretsManager.listen(0, '127.0.0.1', resolve));
  Object.assign(process.env, {
    STAGE: 'test',
    DATABASE_URL: on.database.urlFor('auth'),
    TOKEN_ISSUER: 'https://celeriac.test',
    SIGNING_SECRET_ARN: 'the-signing-secret',
    LOGINS_PER_ADDRESS: '10',
    REGISTRATIONS_PER_ADDRESS: '10',
    AWS_ENDPOINT_URL: `http://127.0.0.1:${(secretsManager.address() as AddressInfo).port}`,
    AWS_REGION: 'eu-central-1',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    POWERTOOLS_DEV: 'true',
  });
  ({ handler } = await import('./auth.ts'));
  process.env.DATABASE_URL = on.database.urlFor('session');
  ({ handler: session } = await import('./session.ts'));
});
afterAll(async () => {
  secretsManager.close();
  await on.close();
});

/** Returns an event as an HTTP API sends it, payload 2.0. */
function event(method: string, rawPath: string, body?: object): Parameters<typeof handler>[0] {
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath,
    rawQueryString: '',
    headers: { host: 'api.example.com', ...(body && { 'content-type': 'application/json' }) },
    body: body ? JSON.stringify(body) : null,
    isBase64Encoded: false,
    requestContext: {
      accountId: 'anonymous',
      apiId: 'api',
      authentication: null,
      authorizer: {},
      domainName: 'api.example.com',
      domainPrefix: 'api',
      http: { method, path: rawPath, protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: 'test' },
      requestId: 'request',
      routeKey: '$default',
      stage: '$default',
      time: '21/Nov/2026:06:22:00 +0000',
      timeEpoch: 1,
    },
  };
}

test('auth registers a user and publishes the key that signed the token; session accepts the token', async () => {
  const context = { awsRequestId: 'request' } as Parameters<typeof handler>[1];
  const body = { email: 'ada@example.com', password: 'correct horse' };
  const registered = await handler(event('POST', '/api/auth/register/', body), context);
  expect(registered.statusCode).toBe(201);
  const { access, refresh } = JSON.parse(registered.body);
  const published = await session(event('GET', '/.well-known/jwks.json'), context);
  const { kid } = JSON.parse(Buffer.from(access.split('.')[0], 'base64url').toString());
  expect(JSON.parse(published.body).keys).toEqual([expect.objectContaining({ kid })]);
  const refreshed = await session(event('POST', '/api/auth/refresh/', { refresh }), context);
  expect(refreshed.statusCode).toBe(200);
  // Each function has only its own routes.
  expect((await handler(event('POST', '/api/auth/refresh/', { refresh }), context)).statusCode).toBe(404);
  expect((await session(event('POST', '/api/auth/login/', body), context)).statusCode).toBe(404);
});
