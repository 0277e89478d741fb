import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DatabaseFixture, databaseFixture } from '../database/testing/database-fixture.ts';
import { newcomer } from '../identity/testing/auth-function.ts';
import { apiFunction, type Client } from './testing/api-function.ts';

/* Every limit of a request, at its edge. docs/limits.md lists the limits; a changed limit must be changed there, too. */

let on: DatabaseFixture;
let api: ReturnType<typeof apiFunction>;
let ada: Client;

beforeAll(async () => {
  on = await databaseFixture();
  api = apiFunction(on);
  ada = await api.register();
});
afterAll(() => on.close());

type Answered = { status: number; body: { errors?: { in: string; pointer: string }[] } };

/** A limit: how to send a value, the last accepted value, the first refused value, and the field that the refusal names. */
type Edge<Value> = {
  limit: string;
  send: (value: Value) => Promise<Answered>;
  accepted: Value;
  refused: Value;
  /** `in pointer` */
  names: string;
  /** Set when the value is accepted but the request fails for another reason, with a status other than 2xx. */
  acceptedStatus?: number;
  refusedStatus?: number;
};

function atTheEdge<Value>(edge: Edge<Value>): void {
  test(edge.limit, async () => {
    const last = await edge.send(edge.accepted);
    if (edge.acceptedStatus) expect(last.status).toBe(edge.acceptedStatus);
    else expect([200, 201], JSON.stringify(last.body)).toContain(last.status);
    const first = await edge.send(edge.refused);
    expect(first.status).toBe(edge.refusedStatus ?? 400);
    expect(first.body.errors?.map((each) => `${each.in} ${each.pointer}`)).toContain(edge.names);
  });
}

/** Returns this many emojis. An emoji is four bytes of UTF-8, two code units, one character. */
const emoji = (count: number) => '🥬'.repeat(count);
const x = (count: number) => 'x'.repeat(count);
const nested = (levels: number): unknown => JSON.parse('['.repeat(levels) + ']'.repeat(levels));
/** Returns an object with this many members, named c0, c1, … */
const wide = (members: number, value: unknown) =>
  Object.fromEntries(Array.from({ length: members }, (_, i) => [`c${i}`, value]));
const list = <T>(length: number, value: T) => new Array<T>(length).fill(value);

const create = (given: object) => ada.ask('POST', '/api/tasks/', { name: 'Task', ...given });
/** Tests a field of a task with one accepted and one refused value. */
function field(name: string, accepted: unknown, refused: unknown, limit: string): void {
  const send = (value: unknown) => create({ [name]: value });
  atTheEdge({ limit: `${name}: ${limit}`, send, accepted, refused, names: `body /${name}` });
}

describe('a body', () => {
  const send = (body: string) => ada.ask('POST', '/api/tasks/', body);
  const sized = (bytes: number) => `${JSON.stringify({ name: 'é' })}`.padEnd(bytes - 1);
  atTheEdge({
    limit: '1 MiB of UTF-8',
    send,
    accepted: sized(1_048_576),
    refused: sized(1_048_577),
    names: 'body ',
    refusedStatus: 413,
  });
  // The levels above the nested value are the document and its payload.
  const deep = (levels: number) =>
    create({
      kind: 'http.request',
      payload: { url: 'https://example.com/', method: 'POST', body: nested(levels - 2) },
    });
  atTheEdge({
    limit: '32 levels',
    send: deep,
    accepted: 32,
    refused: 33,
    names: `body /payload/body${'/0'.repeat(30)}`,
  });
});

describe('a task', () => {
  field('name', emoji(200), emoji(201), '200 characters');
  field('name', 'x', '', 'not empty');
  field('description', emoji(10_000), emoji(10_001), '10,000 characters');
  atTheEdge({
    limit: 'scheduled_time: in a year up to ten years ahead',
    // Depends on the time of the request, not on the time at which this file was loaded.
    send: (time: (year: number) => string) =>
      create({ scheduled_time: time(new Date().getUTCFullYear() + 10) }),
    accepted: (year) => `${year}-12-31T23:59:59Z`,
    refused: (year) => `${year + 1}-01-01T00:00:00Z`,
    names: 'body /scheduled_time',
  });
  field('scheduled_time', '1970-01-01T00:00:00Z', '1969-12-31T23:59:59Z', 'from 1970');
  field(
    'scheduled_time',
    '2024-01-01T00:00:00+15:59',
    '2024-01-01T00:00:00+16:00',
    'an offset below 16 hours',
  );
  field('scheduled_time', '2024-01-01T00:00:00.123456789Z', '2024-01-01T00:00:00.1234567891Z', 'nanoseconds');
  field('max_retries', 0, -1, 'from 0');
  field('max_retries', 100, 101, 'to 100');
});

describe('the payload of data.process', () => {
  const edge = (names: string, accepted: object, refused: object, limit: string) =>
    atTheEdge({
      limit,
      send: (payload: object) => create({ payload }),
      accepted,
      refused,
      names: `body /payload${names}`,
    });
  edge(
    '/records',
    { records: list(10_000, { a: 1 }) },
    { records: list(10_001, { a: 1 }) },
    '10,000 records',
  );
  edge('/records/0', { records: [wide(200, 1)] }, { records: [wide(201, 1)] }, '200 columns of records');
  edge(
    `/records/0/${x(101)}`,
    { records: [{ [x(100)]: 1 }] },
    { records: [{ [x(101)]: 1 }] },
    "100 characters of a column's name",
  );
  const csv = 'a,b,c,d';
  edge('/group_by', { csv, group_by: ['a', 'b', 'c'] }, { csv, group_by: [...csv.split(',')] }, '3 groups');
  edge('/group_by', { csv, group_by: ['a'] }, { csv, group_by: [] }, '1 group');
  const columns = (count: number) => Object.keys(wide(count, 1));
  edge('/columns', { csv, columns: columns(200) }, { csv, columns: columns(201) }, '200 chosen columns');
  edge('/columns/0', { csv, columns: [x(100)] }, { csv, columns: [x(101)] }, "a chosen column's name");
});

describe('the payload of http.request', () => {
  const url = 'https://example.com/';
  const edge = (names: string, accepted: object, refused: object, limit: string) =>
    atTheEdge({
      limit,
      send: (given: object) => create({ kind: 'http.request', payload: { url, method: 'POST', ...given } }),
      accepted,
      refused,
      names: `body /payload${names}`,
    });
  edge('/url', { url: url.padEnd(8192, 'x') }, { url: url.padEnd(8193, 'x') }, '8,192 characters of URL');
  edge('/headers', { headers: wide(50, 'x') }, { headers: wide(51, 'x') }, '50 headers');
  edge('/headers', { headers: { a: x(16_383) } }, { headers: { a: x(16_384) } }, '16 KiB of headers');
  edge(
    `/headers/${x(129)}`,
    { headers: { [x(128)]: '' } },
    { headers: { [x(129)]: '' } },
    "128 characters of a header's name",
  );
  edge('/body', { body: emoji(65_536) }, { body: `${emoji(65_536)}x` }, '256 KiB of text');
  edge('/body', { body: [x(262_140)] }, { body: [x(262_141)] }, '256 KiB of JSON');
  edge(
    '/expected_status',
    { expected_status: list(100, 200) },
    { expected_status: list(101, 200) },
    '100 statuses',
  );
  edge('/expected_status/0', { expected_status: [100, 599] }, { expected_status: [99] }, 'a status from 100');
  edge('/expected_status/0', { expected_status: [599] }, { expected_status: [600] }, 'to 599');
  edge('/timeout_seconds', { timeout_seconds: 0.1 }, { timeout_seconds: 0.09 }, 'a tenth of a second');
  edge('/timeout_seconds', { timeout_seconds: 60 }, { timeout_seconds: 60.1 }, '60 seconds');
  const mib = 1_048_576;
  edge('/max_response_bytes', { max_response_bytes: 0 }, { max_response_bytes: -1 }, 'no byte of response');
  edge(
    '/max_response_bytes',
    { max_response_bytes: mib },
    { max_response_bytes: mib + 1 },
    '1 MiB of response',
  );
});

describe('a page', () => {
  const PAGES: [path: (who: Client) => string, max: number][] = [
    [() => '/api/tasks/', 200],
    [() => '/api/organizations/', 100],
    [() => '/api/pauses/', 100],
    [() => '/api/invitations/', 100],
    [({ organizationId }) => `/api/organizations/${organizationId}/invitations/`, 100],
    [({ organizationId }) => `/api/organizations/${organizationId}/members/`, 100],
    [({ organizationId }) => `/api/organizations/${organizationId}/prices/`, 1000],
  ];
  for (const [path, max] of PAGES) {
    const send = (limit: number) => ada.ask('GET', `${path(ada)}?limit=${limit}`);
    const where = path({ organizationId: '<id>' } as Client);
    atTheEdge({
      limit: `of ${where}: ${max} rows`,
      send,
      accepted: max,
      refused: max + 1,
      names: 'query /limit',
    });
    atTheEdge({ limit: `of ${where}: 1 row`, send, accepted: 1, refused: 0, names: 'query /limit' });
  }

  const filtered = (name: string) => (value: string) => ada.ask('GET', `/api/tasks/?${name}=${value}`);
  atTheEdge({
    limit: '6 statuses',
    send: filtered('status'),
    accepted: list(6, 'FAILED').join(),
    refused: list(7, 'FAILED').join(),
    names: 'query /status',
  });
  for (const name of ['created_from', 'created_to', 'scheduled_from', 'scheduled_to']) {
    atTheEdge({
      limit: `${name} up to 9998`,
      send: filtered(name),
      accepted: '9998-12-31T23:59:59Z',
      refused: '9999-01-01T00:00:00Z',
      names: `query /${name}`,
    });
  }
});

describe('a user', () => {
  const register = (given: object) => api.auth.post('/api/auth/register/', { ...newcomer(), ...given });
  const edge = (name: string, accepted: string, refused: string, limit: string) =>
    atTheEdge({
      limit: `${name}: ${limit}`,
      send: (value: string) => register({ [name]: value }) as Promise<Answered>,
      accepted,
      refused,
      names: `body /${name}`,
    });
  edge('email', `${x(242)}@example.com`, `${x(243)}@example.com`, '254 characters');
  edge('username', x(150), x(151), '150 characters');
  edge('password', `🍎🍌🍇${emoji(5)}`, `🍎🍌🍇${emoji(4)}`, 'from 8 characters');
  edge(
    'password',
    `🍎🍌🍇${emoji(125)}`,
    `🍎🍌🍇${emoji(126)}`,
    'to 128 characters, which are 512 bytes at most',
  );
  edge('name', emoji(150), emoji(151), '150 characters');

  const LOGINS: [path: string, name: string, max: number, rest: object][] = [
    ['/api/auth/login', 'username', 254, { password: 'not mine' }],
    ['/api/token', 'password', 1024, { username: 'nobody' }],
    ['/api/token/refresh', 'refresh', 2048, {}],
    ['/api/token/verify', 'token', 2048, {}],
  ];
  for (const [path, name, max, rest] of LOGINS) {
    atTheEdge({
      limit: `${path}: ${max} characters of ${name}`,
      send: (value: string) => api.auth.post(path, { ...rest, [name]: value }) as Promise<Answered>,
      accepted: x(max),
      refused: x(max + 1),
      names: `body /${name}`,
      acceptedStatus: 401,
    });
  }
});

describe('an organization', () => {
  const name = (value: string) => ada.ask('POST', '/api/organizations/', { name: value });
  const names = 'body /name';
  atTheEdge({
    limit: '200 characters of name',
    send: name,
    accepted: emoji(200),
    refused: emoji(201),
    names,
  });

  const member = (login: string) =>
    ada.ask('POST', `/api/organizations/${ada.organizationId}/invitations/`, { username: login });
  atTheEdge({
    limit: '254 characters to invite a member by',
    send: member,
    accepted: x(254),
    refused: x(255),
    names: 'body /username',
    acceptedStatus: 201,
  });

  const follow = (asset: string) =>
    ada.ask('POST', `/api/organizations/${ada.organizationId}/watchlist/`, { asset });
  atTheEdge({
    limit: "100 characters of an asset's id",
    send: follow,
    accepted: x(100),
    refused: x(101),
    names: 'body /asset',
  });

  test('50 entries on a watchlist', async () => {
    const eve = await api.register();
    const watch = (asset: string) =>
      eve.ask('POST', `/api/organizations/${eve.organizationId}/watchlist/`, { asset });
    // Bitcoin and Ethereum are on the list from the start.
    for (let i = 3; i <= 50; i += 1) expect((await watch(`coin-${i}`)).status).toBe(201);
    const full = await watch('coin-51');
    expect([full.status, full.body.code, full.body.limit]).toEqual([409, 'watchlist_full', 50]);
    expect((await watch('coin-50')).status).toBe(200);
  });
});

describe('a batch', () => {
  const tasks = (count: number) => Array.from({ length: count }, () => ({ name: 'x' }));
  const send = (given: object) => ada.ask('POST', '/api/tasks/bulk/', { tasks: tasks(1), ...given });
  const edge = (names: string, accepted: object, refused: object, limit: string) =>
    atTheEdge({ limit, send, accepted, refused, names: `body /${names}` });
  edge('tasks', { tasks: tasks(1) }, { tasks: [] }, 'one task at least');
  edge('tasks', { tasks: tasks(10_000) }, { tasks: tasks(10_001) }, '10,000 tasks at most');
  edge('name', { name: emoji(200) }, { name: emoji(201) }, '200 characters of name');

  const sized = (bytes: number) => JSON.stringify({ tasks: tasks(1) }).padEnd(bytes);
  atTheEdge({
    limit: '3,000,000 bytes of UTF-8',
    send: (body: string) => ada.ask('POST', '/api/tasks/bulk/', body),
    accepted: sized(3_000_000),
    refused: sized(3_000_001),
    names: 'body ',
    refusedStatus: 413,
  });
  // The list holds `values - 6` numbers. The document, both lists, the task and its fields count as values, too.
  const filled = (values: number) => {
    const body = `[${'0,'.repeat(values - 7)}0]`;
    const payload = `{"url":"https://example.com/","method":"POST","body":${body}}`;
    return `{"tasks":[{"name":"x","kind":"http.request","payload":${payload}}]}`;
  };
  test('a million values', async () => {
    const counted = await ada.ask('POST', '/api/tasks/bulk/', filled(999_996));
    // The number of values is just accepted. The refusal is only about the length of the outgoing request's body.
    expect(counted.body.errors?.map(({ pointer }: { pointer: string }) => pointer)).toEqual([
      '/tasks/0/payload/body',
    ]);
    const refused = await ada.ask('POST', '/api/tasks/bulk/', filled(1_000_010));
    expect(refused.body.errors?.map(({ pointer }: { pointer: string }) => pointer)).toEqual(['']);
  });
});

describe('an upload', () => {
  atTheEdge({
    limit: '512 MiB',
    send: (bytes: number) => ada.ask('POST', '/api/uploads/', { format: 'csv', bytes }),
    accepted: 536_870_912,
    refused: 536_870_913,
    names: 'body /bytes',
  });
});

describe('a bulk action', () => {
  const ids = (count: number) => Array.from({ length: count }, () => randomUUID());
  atTheEdge({
    limit: '1,000 ids',
    send: (named: string[]) =>
      ada.ask('POST', '/api/bulk-actions/', { action: 'cancel', filter: { ids: named } }),
    accepted: ids(1_000),
    refused: ids(1_001),
    names: 'body /filter/ids',
  });
});

test('none of that was a fault', () => {
  expect(api.faults).toEqual([]);
  expect(api.auth.seen.filter((line) => line.startsWith('request failed'))).toEqual([]);
});
