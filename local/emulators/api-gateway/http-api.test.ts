import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BULK_LIMITS } from '../../../functions/http/app/json-body.ts';
import { sendAnswer } from '../http/http-answer.ts';
import { startFixtureLambda } from '../lambda/testing/fixtures.ts';
import { httpApi } from './http-api.ts';
import { httpRouter } from './http-routes.ts';

const ECHO = `export const handler = async (event) => {
  const mode = event.queryStringParameters?.mode;
  if (mode === 'throw') throw new Error('secret detail');
  if (mode === 'plain') return { hello: 'world' };
  if (mode === 'invalid') return { statusCode: 'many' };
  if (mode === 'binary') return { statusCode: 200, body: Buffer.from([0, 255]).toString('base64'), isBase64Encoded: true };
  if (mode === 'cookies') return { statusCode: 204, headers: { 'X-One': 1 }, cookies: ['a=1; Path=/', 'b=2'] };
  return { statusCode: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(event) };
}`;

let server: Server;
let origin: string;
let stop: () => Promise<void>;

beforeAll(async () => {
  const fixture = await startFixtureLambda({ echo: ECHO });
  const handle = httpApi({
    routes: [
      { routeKey: 'ANY /api/{proxy+}', functionName: 'echo' },
      { routeKey: 'GET /api/tasks/{id}', functionName: 'echo' },
    ],
    lambda: fixture.lambda,
  });
  server = createServer(async (request, response) => sendAnswer(response, await handle(request)));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  stop = fixture.stop;
});
afterAll(async () => {
  server.close();
  await stop();
});

async function eventOf(path: string, init: RequestInit = {}): Promise<Record<string, unknown>> {
  return (await (await fetch(origin + path, init)).json()) as Record<string, unknown>;
}

test('the event is that of payload format 2.0', async () => {
  const event = await eventOf('/api/tasks/a%20b?x=1&x=2&y=%C3%BC', {
    headers: { 'X-Custom': 'One', cookie: 'a=1; b=2', 'user-agent': 'test' },
  });
  expect(event).toMatchObject({
    version: '2.0',
    routeKey: 'GET /api/tasks/{id}',
    rawPath: '/api/tasks/a b',
    rawQueryString: 'x=1&x=2&y=%C3%BC',
    queryStringParameters: { x: '1,2', y: 'ü' },
    pathParameters: { id: 'a b' },
    cookies: ['a=1', 'b=2'],
    isBase64Encoded: false,
    requestContext: {
      stage: '$default',
      routeKey: 'GET /api/tasks/{id}',
      domainName: '127.0.0.1',
      time: expect.stringMatching(/^\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000$/),
      timeEpoch: expect.any(Number),
      http: {
        method: 'GET',
        path: '/api/tasks/a b',
        protocol: 'HTTP/1.1',
        sourceIp: '127.0.0.1',
        userAgent: 'test',
      },
    },
  });
  expect(event.headers).toMatchObject({ 'x-custom': 'One', 'x-forwarded-for': '127.0.0.1' });
  expect(event.headers).not.toHaveProperty('cookie');
  expect(event).not.toHaveProperty('body');
});

test('without a query string or path variables their members are absent', async () => {
  const event = await eventOf('/api/x');
  expect(event).not.toHaveProperty('queryStringParameters');
  expect(event).not.toHaveProperty('cookies');
  expect(event.rawQueryString).toBe('');
});

for (const [contentType, isBase64Encoded] of [
  ['application/json', false],
  ['text/csv; charset=utf-8', false],
  ['application/octet-stream', true],
  ['application/x-www-form-urlencoded', true],
] as const) {
  test(`a body of ${contentType} arrives ${isBase64Encoded ? 'in Base64' : 'as text'}`, async () => {
    const event = await eventOf('/api/x', {
      method: 'POST',
      body: 'größe',
      headers: { 'content-type': contentType },
    });
    const body = isBase64Encoded ? Buffer.from('größe').toString('base64') : 'größe';
    expect(event).toMatchObject({ body, isBase64Encoded });
  });
}

/** A valid JSON body may consist almost entirely of one of these characters, in text or between tokens. */
for (const character of ['"', '\\', '\t', '\n', 'é', '🥬', '\u2028', 'x']) {
  for (const contentType of ['application/json', 'application/vnd.api+json']) {
    test(`the largest documented body reaches its function, also one of ${JSON.stringify(character)} as ${contentType}`, async () => {
      const body = Buffer.alloc(BULK_LIMITS.bytes, character);
      const headers = { 'content-type': contentType, 'x-filler': '"'.repeat(9_000) };
      const response = await fetch(`${origin}/api/x?mode=plain`, { method: 'POST', body, headers });
      expect(response.status).toBe(200);
    });
  }
}

test('a result without a status is a JSON body', async () => {
  const response = await fetch(`${origin}/api/x?mode=plain`);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('application/json');
  expect(await response.json()).toEqual({ hello: 'world' });
});

test('a Base64 body is decoded', async () => {
  const response = await fetch(`${origin}/api/x?mode=binary`);
  expect(new Uint8Array(await response.arrayBuffer())).toEqual(new Uint8Array([0, 255]));
});

test('cookies become set-cookie headers', async () => {
  const response = await fetch(`${origin}/api/x?mode=cookies`);
  expect(response.status).toBe(204);
  expect(response.headers.getSetCookie()).toEqual(['a=1; Path=/', 'b=2']);
  expect(response.headers.get('x-one')).toBe('1');
});

for (const mode of ['throw', 'invalid']) {
  test(`a function that answers ${mode} gives a 500 that says nothing`, async () => {
    const response = await fetch(`${origin}/api/x?mode=${mode}`);
    expect(response.status).toBe(500);
    expect(await response.json()).toEqual({ message: 'Internal Server Error' });
  });
}

test('a path without a route is Not Found', async () => {
  const response = await fetch(`${origin}/other`);
  expect([response.status, await response.json()]).toEqual([404, { message: 'Not Found' }]);
});

test('a path that is not validly encoded is a bad request', async () => {
  expect((await fetch(`${origin}/api/%zz`)).status).toBe(400);
});

test('a body of more than 10 MB is refused, and one above Lambda’s 6 MB too', async () => {
  for (const megabytes of [11, 7]) {
    const body = 'x'.repeat(megabytes * 1024 * 1024);
    const response = await fetch(`${origin}/api/x`, { method: 'POST', body });
    expect(response.status).toBe(413);
    await response.body?.cancel();
  }
});

const router = httpRouter(
  [
    '$default',
    'ANY /{proxy+}',
    'GET /pets/{proxy+}',
    'ANY /pets/{proxy+}',
    'GET /pets/dog/1',
    'GET /pets/dog/{id}',
    'ANY /api/token',
  ].map((routeKey) => ({ routeKey, functionName: 'f' })),
);
for (const [method, path, expected] of [
  ['GET', '/pets/dog/1', 'GET /pets/dog/1'],
  ['GET', '/pets/dog/2', 'GET /pets/dog/{id}'],
  ['GET', '/pets/cat/1', 'GET /pets/{proxy+}'],
  ['POST', '/pets/dog/1', 'ANY /pets/{proxy+}'],
  ['POST', '/test/5', 'ANY /{proxy+}'],
  ['GET', '/pets/', 'GET /pets/{proxy+}'],
  ['GET', '/api/token', 'ANY /api/token'],
  ['GET', '/api/token/', 'ANY /{proxy+}'],
] as const) {
  test(`${method} ${path} is routed to ${expected}`, () => {
    expect(router(method, path)?.route.routeKey).toBe(expected);
  });
}
