import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DatabaseFixture, databaseFixture } from '../database/testing/database-fixture.ts';
import { BULK_LIMITS } from './app/json-body.ts';
import { apiFunction, type Client } from './testing/api-function.ts';
import { type BadCase, BY_HAND } from './testing/bad-input-cases.ts';

let on: DatabaseFixture;
let api: ReturnType<typeof apiFunction>;
let ada: Client;
let ids: Record<string, string>;
let before: Awaited<ReturnType<typeof everyTable>>;
let wokenBefore: number;

beforeAll(async () => {
  on = await databaseFixture();
  api = apiFunction(on);
  ada = await api.register();
  const { body: task } = await ada.ask('POST', '/api/tasks/', { name: 'Task' });
  ids = { '{org}': ada.organizationId, '{task}': task.id };
  before = await everyTable();
  wokenBefore = api.woken.length;
});
afterAll(() => on.close());

/** Returns the number of rows of every table, with a checksum of the rows. */
async function everyTable() {
  const tables = await on.admin<{ name: string }[]>`
    select relname as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1`;
  expect(tables.length).toBeGreaterThanOrEqual(15);
  const rows = await Promise.all(
    tables.map(({ name }) =>
      on.admin.unsafe(
        `select '${name}' as table, count(*) as rows, md5(string_agg(t::text, E'\\n' order by t::text)) from "${name}" t`,
      ),
    ),
  );
  return rows.map(([row]) => row);
}

const AUTH = /^\/(?:api\/(?:auth|token)\b|\.well-known)/;

/** Sends the request to the function to which API Gateway would send it. */
async function send({ request, body, headers = {} }: Pick<BadCase, 'request' | 'body' | 'headers'>) {
  const [method = '', template = ''] = request.split(' ');
  const path = template.replace(/\{(?:org|task)\}/g, (name) => ids[name] ?? name);
  const app = AUTH.test(path) ? api.auth.app : api.app;
  const response = await app.request(path, {
    method,
    headers: {
      authorization: `Bearer ${ada.access}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && {
      body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
    }),
  });
  return { status: response.status, headers: response.headers, problem: JSON.parse(await response.text()) };
}

async function expectRefused(given: BadCase): Promise<void> {
  const { status, headers, problem } = await send(given);
  expect([status, problem.code], JSON.stringify(problem)).toEqual([given.status, given.code]);
  expect(headers.get('content-type')).toBe('application/problem+json');
  expect(problem).toMatchObject({ status, error: problem.detail, title: expect.any(String) });
  const errors: { in: string; pointer: string; detail: string }[] = problem.errors ?? [];
  const named = errors.map((each) => `${each.in} ${each.pointer}`);
  for (const name of given.names) expect(named).toContain(name);
  // For human readers: the text begins with the first field's name and describes the fault.
  expect(problem.detail).toMatch(/\w+ \w+/);
  const field = errors[0]?.pointer.split('/').at(-1) ?? '';
  expect(problem.detail.toLowerCase()).toContain(field.toLowerCase());
  if (status === 405) expect(headers.get('allow')).toMatch(/^[A-Z]+(?:, [A-Z]+)*$/);
  if (status === 401) expect(headers.get('www-authenticate')).toBe('Bearer');
}

const show = ({ request, body, headers }: BadCase) =>
  `${request} ${JSON.stringify(body ?? headers ?? '') ?? ''}`.slice(0, 100);

describe('by hand', () => {
  for (const [index, given] of BY_HAND.entries()) {
    test(`${index + 1}: ${show(given)}`, () => expectRefused(given));
  }
});

const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
const json = 'application/json';
/**
 * Bodies that no route accepts: a description, the text, the places that the errors name, and deviations from the usual
 * case.
 */
const BODIES: [what: string, body: string | Uint8Array, names: string, rest?: Partial<BadCase>][] = [
  ['a list', '[]', 'body '],
  ['a text', '"name"', 'body '],
  ['a number', '7', 'body '],
  ['null', 'null', 'body '],
  ['true', 'true', 'body '],
  ['blanks', '  ', 'body ', { code: 'invalid_json' }],
  ['half a document', '{"name":', 'body ', { code: 'invalid_json' }],
  ['two documents', '{} {}', 'body ', { code: 'invalid_json' }],
  ['a trailing comma', '{"a":1,}', 'body ', { code: 'invalid_json' }],
  ['a comment', '{} // all', 'body ', { code: 'invalid_json' }],
  ['single quotes', "{'a':1}", 'body ', { code: 'invalid_json' }],
  ['NaN', '{"a":NaN}', 'body ', { code: 'invalid_json' }],
  ['two byte order marks', '\ufeff\ufeff{}', 'body ', { code: 'invalid_json' }],
  ['Latin-1', Uint8Array.from([0x7b, 0x22, 0xe9, 0x22, 0x3a, 0x31, 0x7d]), 'body ', { code: 'invalid_json' }],
  ['an unknown field', '{"unheard_of":1}', 'body /unheard_of'],
  ['__proto__', '{"__proto__":{"name":"x"}}', 'body /__proto__'],
  ['__proto__ further down', '{"a":[{"b":{"__proto__":1}}]}', 'body /a/0/b/__proto__'],
  ['constructor', '{"constructor":{"prototype":{"x":1}}}', 'body /constructor'],
  ['NUL in a value', '{"a":{"b":"\\u0000"}}', 'body /a/b'],
  ['half a surrogate pair', '{"a":["x","\\ud800"]}', 'body /a/1'],
  ['the wrong half', '{"a":"\\udc00\\ud800"}', 'body /a'],
  ['a number beyond all', '{"a":-1e400}', 'body /a'],
  ['33 levels', `{"a":${nested(32)}}`, `body /a${'/0'.repeat(31)}`],
  ['10,000 levels', nested(10_000), `body ${'/0'.repeat(32)}`],
  ['200,000 levels', nested(200_000), `body ${'/0'.repeat(32)}`],
  ['250,001 values', `[${'0,'.repeat(249_999)}0]`, 'body '],
  ['a byte too much', '{}'.padEnd(BULK_LIMITS.bytes + 1), 'body ', { status: 413, code: 'body_too_large' }],
  ...[
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/jsonp',
    'json',
    'application/json; charset=utf-16',
    'application/json; charset=iso-8859-1',
    'application/json, text/plain',
  ].map((type): [string, string, string, Partial<BadCase>] => [
    `as ${type}`,
    '{}',
    'header /content-type',
    { status: 415, code: 'json_expected', headers: { 'content-type': type } },
  ]),
];

type Operation = {
  requestBody?: { required?: boolean; content?: object };
  parameters?: { in: string; name: string }[];
};

/** Returns true for an operation with a body of JSON. The one that takes a form has tests of its own. */
const takesJson = ({ requestBody }: Operation) =>
  requestBody !== undefined && json in (requestBody.content ?? {});

/** Returns every route of both functions, from their own descriptions. */
async function operations(): Promise<[request: string, operation: Operation][]> {
  const info = { openapi: '3.1.0', info: { title: '', version: '' } };
  return [api.app, api.auth.app].flatMap((app) =>
    Object.entries(app.getOpenAPI31Document(info).paths ?? {}).flatMap(([path, methods]) =>
      Object.entries(methods ?? {}).map(([method, operation]): [string, Operation] => [
        `${method.toUpperCase()} ${path}`,
        operation,
      ]),
    ),
  );
}

/** Returns the path of a route with valid ids. */
const filled = (request: string) =>
  request
    .replace('{taskId}', '{task}')
    .replace('{id}', '{org}')
    .replace(/\{(?:userId|batchId|artifactId)\}/, ada.userId)
    .replace('{asset}', 'bitcoin');

describe('on every route with a body', () => {
  for (const [what, body, names, { headers = { 'content-type': json }, ...rest } = {}] of BODIES) {
    test(what, async () => {
      const withBody = (await operations()).filter(([, operation]) => takesJson(operation));
      expect(withBody.length).toBeGreaterThanOrEqual(14);
      for (const [request] of withBody) {
        const usual = { status: 400, code: 'invalid_request', names: [names] };
        await expectRefused({ request: filled(request), body, headers, ...usual, ...rest });
      }
    });
  }

  test('no body at all, where a field is required', async () => {
    for (const [request, operation] of await operations()) {
      if (
        !takesJson(operation) ||
        !operation.requestBody?.required ||
        /PATCH \/api\/organizations\/\{id\}$/.test(request)
      )
        continue;
      const { status, problem } = await send({ request: filled(request) });
      expect([request, status, problem.errors[0].in]).toEqual([request, 400, 'body']);
    }
  });
});

/** Bad ids in a path: with misplaced dashes, in braces, too short, with a line break, with a NUL, badly encoded. */
const BAD_IDS = [
  '1',
  '0190a5b000007000800000000000-00000000',
  '%7B0190a5b0-0000-7000-8000-000000000000%7D',
  '0190a5b0-0000-7000-8000-00000000000',
  '0190a5b0-0000-7000-8000-000000000000%0A',
  '0190a5b0-0000-7000-8000-000000000000%00',
  '0190a5b0-0000-7000-8000-00000000000%zz',
  '%ff',
  "'%20or%201=1",
];
describe('on every route with an id', () => {
  for (const id of BAD_IDS) {
    test(`the id ${id}`, async () => {
      const withIds = (await operations()).filter(([request]) =>
        /\{(?:id|taskId|batchId|artifactId|userId)\}/.test(request),
      );
      expect(withIds.length).toBeGreaterThanOrEqual(14);
      for (const [request, { requestBody }] of withIds) {
        for (const name of ['id', 'taskId', 'batchId', 'artifactId', 'userId'].filter((each) =>
          request.includes(`{${each}}`),
        )) {
          await expectRefused({
            request: filled(request.replace(`{${name}}`, id)),
            status: 400,
            code: 'invalid_request',
            names: [`path /${name}`],
            ...(requestBody && { body: { name: 'Task', role: 'viewer' } }),
          });
        }
      }
    });
  }
});

describe('what looks odd and is fine', () => {
  const TYPES = [json, 'Application/JSON', `${json}; charset=utf-8`, `${json} ;charset="UTF-8"`, `${json};`];
  for (const type of [...TYPES, `${json}; charset=us-ascii; version=1`, 'application/vnd.api+json']) {
    test(`a body as ${type}`, async () => {
      const { status } = await send({
        request: 'PATCH /api/organizations/{org}',
        body: '\ufeff{}',
        headers: { 'content-type': type },
      });
      expect(status).toBe(200);
    });
  }

  test('an id in capitals, and a list asked for with another', async () => {
    const task = ids['{task}']?.toUpperCase();
    const organization = ada.organizationId.toUpperCase();
    expect((await ada.ask('GET', `/api/tasks/${task}`)).status).toBe(200);
    for (const path of ['', '/members', '/watchlist', '/prices']) {
      expect((await ada.ask('GET', `/api/organizations/${organization}${path}`)).status).toBe(200);
    }
    expect((await ada.ask('GET', `/api/tasks?organization=${organization}`)).status).toBe(200);
  });

  test('ids that are nobody’s are unknown, and not bad', async () => {
    for (const id of ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff']) {
      expect((await ada.ask('GET', `/api/tasks/${id}`)).status).toBe(404);
    }
  });
});

test('after all of that no row was added or changed, nothing was woken, and no fault was logged', async () => {
  expect(await everyTable()).toEqual(before);
  expect(api.woken.length).toBe(wokenBefore);
  expect(api.faults).toEqual([]);
  expect(api.auth.seen.filter((line) => line.startsWith('request failed'))).toEqual([]);
});
