import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DatabaseFixture, databaseFixture } from '../database/testing/database-fixture.ts';
import { apiFunction, type Client } from './testing/api-function.ts';

let on: DatabaseFixture;
let api: ReturnType<typeof apiFunction>;
let ada: Client;

beforeAll(async () => {
  on = await databaseFixture();
  api = apiFunction(on);
  ada = await api.register();
});
afterAll(() => on.close());

type Odd = {
  method?: string;
  path: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
  status: number;
};

const TASK = '{"name":"Task"}';
const post = (given: Partial<Odd>): Odd => ({
  method: 'POST',
  path: '/api/tasks/',
  body: TASK,
  status: 400,
  ...given,
});
const utf16 = (text: string) => Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, 'utf16le')]);

const ODD: Record<string, Odd> = {
  'a DELETE with a body': { method: 'DELETE', path: '/api/pauses/kind/a', body: TASK, status: 400 },
  'a body in gzip': post({ body: gzipSync(TASK), headers: { 'content-encoding': 'gzip' }, status: 415 }),
  'a plain body that says gzip': post({ headers: { 'content-encoding': 'gzip' }, status: 415 }),
  'a body in UTF-16': post({ body: utf16(TASK) }),
  'a body with an overlong encoding': post({ body: Buffer.from([0x7b, 0xc0, 0xaf, 0x7d]) }),
  'a path with half an escape': { path: '/api/tasks/%zz', status: 400 },
  'a path with NUL': { path: '/api/tasks/%00', status: 400 },
  'a path in Latin-1': { path: '/api/tasks/%ff', status: 400 },
  'a path with an overlong slash': { path: '/api/tasks/%c0%af', status: 400 },
  'a query with half an escape': { path: '/api/tasks/?kind=%zz', status: 400 },
  'a query with NUL': { path: '/api/tasks/?cursor=%00', status: 400 },
  'a query in Latin-1': { path: '/api/tasks/?cursor=%ff', status: 400 },
  'an empty idempotency key': post({ headers: { 'idempotency-key': '' } }),
  'two idempotency keys': post({ headers: { 'idempotency-key': 'a, b' } }),
  'a parameter twice': { path: '/api/tasks/?limit=1&limit=2', status: 400 },
  'a URL of 100 KB': { path: `/api/tasks/?cursor=${'a'.repeat(100_000)}`, status: 400 },
  'a path of 100 KB': { path: `/api/tasks/${'a'.repeat(100_000)}`, status: 400 },
};

for (const [what, { method = 'GET', path, headers = {}, body, status }] of Object.entries(ODD)) {
  test(`${what} gets a problem document`, async () => {
    const response = await api.app.request(path, {
      method,
      headers: {
        authorization: `Bearer ${ada.access}`,
        ...(body && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body && { body }),
    });
    const problem = JSON.parse(await response.text());
    expect([response.status, problem.status], JSON.stringify(problem)).toEqual([status, status]);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(api.faults).toEqual([]);
  });
}
