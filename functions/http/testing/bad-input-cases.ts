import { randomUUID } from 'node:crypto';

/*
 * Handwritten requests that must be refused by the rules of single fields, queries, paths and headers. `{org}` and
 * `{task}` in a path stand for ids of the requesting user.
 */

/** One refused request. */
export type BadCase = {
  /** METHOD /path */
  request: string;
  /** Sent as JSON. A text is sent unchanged. */
  body?: unknown;
  headers?: Record<string, string>;
  status: number;
  code: string;
  /** The places that `errors` must name, as `in pointer`. */
  names: string[];
};

/** Returns the usual case: status 400, one field named. */
const bad = (request: string, names: string, body?: unknown): BadCase => ({
  request,
  status: 400,
  code: 'invalid_request',
  names: [names],
  ...(body !== undefined && { body }),
});

const emoji = (count: number) => '🥬'.repeat(count);
const yearsAhead = (years: number) => `${new Date().getUTCFullYear() + years}-12-31T00:00:00Z`;

const TIMES: unknown[] = [
  ...['', 'tomorrow', '2024-13-01T00:00:00Z', '2024-02-30T00:00:00Z', '2023-02-29T00:00:00Z', '2024-01-01'],
  ...['2024-01-01T00:00:00', '2024-01-01 00:00:00Z', '2024-01-01T24:00:00Z', '2024-12-31T23:59:60Z'],
  ...['2024-01-01T00:00:00+99:99', '2024-01-01T00:00:00+16:00', '2024-01-01T00:00:00-23:59'],
  ...[
    '10000-01-01T00:00:00Z',
    '+010000-01-01T00:00:00Z',
    '0000-01-01T00:00:00Z',
    '0001-01-01T00:00:00+14:00',
  ],
  ...['9999-12-31T23:59:59-10:00', `2024-01-01T00:00:00.${'1'.repeat(300)}Z`, '2024-01-01T00:00Z'],
  ...['2024-01-01T00:00:00Z\n', 'infinity', 'now', yearsAhead(11), 0, 1_732_096_800, 1e300, true, {}, []],
];

const UUIDS = ['', '1', '{0190a5b0-0000-7000-8000-000000000000}', '0190a5b0000070008000000000000000', 'null'];

const NOBODY = '0190a5b0-0000-7000-8000-000000000000';

const UNKNOWN = '0190a5b0-0000-7000-8000-000000000000';

const task = (given: object) => ({ name: 'Task', ...given });
const TASK_FIELDS: [pointer: string, value: unknown][] = [
  ...['', ' ', '\t\n', 'two\nlines', 'bell\u0007', 'del\u007f', 'c1\u0085', emoji(201), 'x'.repeat(201)].map(
    (name): [string, unknown] => ['/name', name],
  ),
  ...[null, 7, true, ['a'], { toString: 'a' }].map((name): [string, unknown] => ['/name', name]),
  ...[null, 7, emoji(10_001)].map((text): [string, unknown] => ['/description', text]),
  ...TIMES.map((time): [string, unknown] => ['/scheduled_time', time]),
  ...['', 'DATA.PROCESS', 'constructor', '__proto__', 'data.process ', null, 1].map(
    (kind): [string, unknown] => ['/kind', kind],
  ),
  ...[-1, 101, 1.5, '3', null, true, 1e21, [3]].map((retries): [string, unknown] => [
    '/max_retries',
    retries,
  ]),
  ...[...UUIDS, null, 7].map((id): [string, unknown] => ['/organization', id]),
  ...['', 'Bulk', 'fast', null, 1].map((queue): [string, unknown] => ['/queue', queue]),
  ...['', 'x'.repeat(201), 'two\nlines', null, 7].map((key): [string, unknown] => ['/unique_key', key]),
  ...['', 'x'.repeat(201), 'two\nlines', null, 7].map((key): [string, unknown] => ['/concurrency_key', key]),
  ...[1, 0, -1, 1.5, '2', null].map((limit): [string, unknown] => ['/concurrency_limit', limit]),
  ...[null, [], 'x', Array.from({ length: 21 }, () => randomUUID())].map((ids): [string, unknown] => [
    '/depends_on',
    ids,
  ]),
  ['/depends_on/0', ['1']],
  ['/depends_on/a', { a: '1' }],
  ['/depends_on', { a: NOBODY, b: NOBODY }],
  ['/depends_on', Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`a${n}`, randomUUID()]))],
  ['/depends_on', {}],
  ...['', '1a', 'a-b', 'x'.repeat(51)].map((name): [string, unknown] => [
    `/depends_on/${name}`,
    { [name]: NOBODY },
  ]),
  ...['', 'fail', null, true].map((choice): [string, unknown] => ['/on_failure', choice]),
  ['/depends_on', [NOBODY, NOBODY]],
  ...[null, [], 3, 'exponential'].map((retry): [string, unknown] => ['/retry', retry]),
  ['/retry/base_seconds', { base_seconds: -1 }],
  ['/retry/base_seconds', { base_seconds: 86_401 }],
  ['/retry/factor', { factor: 0.5 }],
  ['/retry/factor', { factor: 11 }],
  ['/retry/cap_seconds', { cap_seconds: 86_401 }],
  ['/retry/jitter', { jitter: 'some' }],
  ['/retry/never_retry/0', { never_retry: [''] }],
  ['/retry/attempts', { attempts: 3 }],
  ['/limits/hard_seconds', { soft_seconds: 5 }],
  ['/limits/soft_seconds', { soft_seconds: 5, hard_seconds: 5 }],
  ['/limits/hard_seconds', { soft_seconds: 5, hard_seconds: 841 }],
  ['/limits/soft_seconds', { soft_seconds: 0, hard_seconds: 5 }],
  ...[null, [], 'x', 7].map((payload): [string, unknown] => ['/payload', payload]),
  ...['status', 'id', 'constructor', 'prototype', 'a/b', 'a~b', ''].map((field): [string, unknown] => [
    `/${field.replace('~', '~0').replace('/', '~1')}`,
    'unknown',
  ]),
];

const http = (given: object) => ({
  kind: 'http.request',
  payload: { url: 'https://example.com/', ...given },
});
const PAYLOADS: [pointer: string, given: object][] = [
  ['/payload/rows', { payload: { rows: [] } }],
  ['/payload/constructor', { payload: { constructor: {} } }],
  ['/payload/records', { payload: { records: {} } }],
  ['/payload/records/0', { payload: { records: [7] } }],
  ['/payload/records/1/a', { payload: { records: [{ a: 1 }, { a: { b: 1 } }] } }],
  ['/payload/records/0/a~1b~0c', { payload: { records: [{ 'a/b~c': [] }] } }],
  ['/payload/csv', { payload: { csv: '' } }],
  ['/payload/csv', { payload: { csv: 'a\n1', records: [] } }],
  ['/payload/delimiter', { payload: { csv: 'a', delimiter: ';;' } }],
  ['/payload/group_by', { payload: { group_by: 'a' } }],
  ['/payload/columns', { payload: { csv: 'a', columns: ['a', 'a'] } }],
  ['/payload/url', { kind: 'http.request' }],
  ['/payload/url', http({ url: 'file:///etc/passwd' })],
  ['/payload/url', http({ url: 'http://me:secret@example.com/' })],
  ['/payload/url', http({ url: 'http://example.com/\r\nX-Injected: 1' })],
  ['/payload/method', http({ method: 'get' })],
  ['/payload/headers/x-a', http({ headers: { 'x-a': 'a\r\nX-Injected: 1' } })],
  ['/payload/headers/x-a: 1\r\nx-b', http({ headers: { 'x-a: 1\r\nx-b': 'b' } })],
  ['/payload/headers/Host', http({ headers: { Host: 'inner' } })],
  ['/payload/body', http({ body: 'x' })],
  ['/payload/timeout_seconds', http({ timeout_seconds: '5' })],
  ['/payload/max_response_bytes', http({ max_response_bytes: 1.5 })],
  ['/payload/follow_redirects', http({ follow_redirects: 'no' })],
  ['/payload/expected_status', http({ expected_status: 200 })],
];

const login = { username: 'somebody', password: 'long enough' };
const person = { email: 'new@example.com', password: 'long enough', username: 'new' };
const OTHER_BODIES: BadCase[] = [
  bad('POST /api/auth/register', 'body /email', { ...person, email: 'new@example' }),
  bad('POST /api/auth/register', 'body /email', { ...person, email: 'new@example.com\nBcc: x@example.com' }),
  bad('POST /api/auth/register', 'body /password', { ...person, password: emoji(7) }),
  bad('POST /api/auth/register', 'body /password', { ...person, password: ['long enough'] }),
  bad('POST /api/auth/register', 'body /username', { ...person, username: 'ａｄａ' }),
  bad('POST /api/auth/register', 'body /name', { ...person, name: 'a\u0007b' }),
  bad('POST /api/auth/register', 'body /is_staff', { ...person, is_staff: true }),
  bad('POST /api/auth/login', 'body /username', { ...login, username: { $ne: null } }),
  bad('POST /api/auth/login', 'body /username', { ...login, email: 'a@example.com' }),
  bad('POST /api/auth/login', 'body /password', { username: 'somebody' }),
  bad('POST /api/token', 'body /password', { ...login, password: '' }),
  bad('POST /api/token/refresh', 'body /refresh', { refresh: null }),
  bad('POST /api/token/verify', 'body /token', { token: 'x'.repeat(2049) }),
  bad('POST /api/auth/logout', 'body /refresh', { refresh: 1 }),
  ...['', '  ', 'two\nlines', 'x'.repeat(201), null, 7].map((name) =>
    bad('POST /api/organizations', 'body /name', { name }),
  ),
  bad('POST /api/organizations', 'body /personal', { name: 'Mine', personal: true }),
  bad('PUT /api/organizations/{org}', 'body /name', {}),
  bad('PATCH /api/organizations/{org}', 'body /name', { name: '' }),
  bad('PATCH /api/organizations/{org}', 'body /id', { id: 'x' }),
  bad('POST /api/organizations/{org}/invitations', 'body /username', { role: 'member' }),
  bad('POST /api/organizations/{org}/invitations', 'body /role', { email: 'a@example.com', role: 'root' }),
  ...['Bitcoin', '', 'bit coin', 'x'.repeat(101), '../x', 7].map((asset) =>
    bad('POST /api/organizations/{org}/watchlist', 'body /asset', { asset }),
  ),
  ...[0, -1, 10_001, 1.5, '5'].map((max_running) =>
    bad('PATCH /api/organizations/{org}', 'body /max_running', { max_running }),
  ),
  ...[0, 3_651, null].map((retention_days) =>
    bad('PATCH /api/organizations/{org}', 'body /retention_days', { retention_days }),
  ),
  ...TIMES.map((scheduled_time) =>
    bad('PATCH /api/tasks/{task}', 'body /scheduled_time', { scheduled_time }),
  ),
  ...[
    ['/tasks', {}],
    ['/tasks', { tasks: {} }],
    ['/tasks', { tasks: [] }],
    ['/tasks/0', { tasks: [null] }],
    ['/tasks/1/name', { tasks: [{ name: 'x' }, {}] }],
    ['/tasks/0/queue', { tasks: [{ name: 'x', queue: 'bulk' }] }],
    ['/tasks/0/payload/url', { tasks: [{ name: 'x', kind: 'http.request', payload: {} }] }],
    ['/name', { tasks: [{ name: 'x' }], name: 'two\nlines' }],
    ['/queue', { tasks: [{ name: 'x' }], queue: 'fast' }],
    ['/partial', { tasks: [{ name: 'x' }], partial: 'yes' }],
    ['/organization', { tasks: [{ name: 'x' }], organization: 'mine' }],
  ].map(([pointer, body]) => bad('POST /api/tasks/bulk', `body ${pointer}`, body)),
  ...[
    ['/action', { filter: { queue: 'bulk' } }],
    ['/action', { action: 'delete', filter: { queue: 'bulk' } }],
    ['/filter', { action: 'cancel' }],
    ['/filter', { action: 'cancel', filter: {} }],
    ['/filter/status', { action: 'cancel', filter: { status: 'DONE' } }],
    ['/filter/status/1', { action: 'cancel', filter: { status: ['FAILED', 'DONE'] } }],
    ['/filter/ids', { action: 'cancel', filter: { ids: [] } }],
    ['/filter/ids/0', { action: 'cancel', filter: { ids: ['1'] } }],
    ['/filter/colour', { action: 'cancel', filter: { colour: 'red' } }],
    ['/scheduled_time', { action: 'reschedule', filter: { queue: 'bulk' } }],
    [
      '/scheduled_time',
      { action: 'cancel', filter: { queue: 'bulk' }, scheduled_time: '2027-01-01T00:00:00Z' },
    ],
    ['/dry_run', { action: 'cancel', filter: { queue: 'bulk' }, dry_run: 1 }],
  ].map(([pointer, body]) => bad('POST /api/bulk-actions', `body ${pointer}`, body)),
  ...[
    ['/format', { bytes: 1 }],
    ['/format', { bytes: 1, format: 'xml' }],
    ['/bytes', { format: 'csv' }],
    ['/bytes', { format: 'csv', bytes: 0 }],
    ['/bytes', { format: 'csv', bytes: 1.5 }],
  ].map(([pointer, body]) => bad('POST /api/uploads', `body ${pointer}`, body)),
  ...[
    ['/upload', { format: 'csv' }],
    ['/upload', { format: 'csv', upload: '../x' }],
    ['/format', { upload: UNKNOWN }],
    ['/defaults/colour', { upload: UNKNOWN, format: 'csv', defaults: { colour: 'red' } }],
    ['/defaults/kind', { upload: UNKNOWN, format: 'csv', defaults: { kind: 'batch.import' } }],
    ['/partial', { upload: UNKNOWN, format: 'csv', partial: 1 }],
  ].map(([pointer, body]) => bad('POST /api/batches/import', `body ${pointer}`, body)),
  bad('GET /api/batches?limit=201', 'query /limit'),
  bad('GET /api/batches?cursor=x', 'query /cursor'),
  bad('GET /api/batches/1', 'path /batchId'),
  bad('GET /api/tasks?batch=1', 'query /batch'),
  bad('PATCH /api/tasks/{task}', 'body /name', { scheduled_time: '2027-01-01T00:00:00Z', name: 'x' }),
  bad('POST /api/pauses', 'body /kind', {}),
  bad('POST /api/pauses', 'body /kind', { kind: 'data.process', queue: 'bulk' }),
  bad('POST /api/pauses', 'body /kind', { kind: 'no.such' }),
  bad('POST /api/pauses', 'body /queue', { queue: 'fast' }),
  bad('DELETE /api/pauses/kind/%00', 'path /name'),
  bad('DELETE /api/pauses/kind/two%0Alines', 'path /name'),
  bad(`DELETE /api/pauses/kind/${'x'.repeat(101)}`, 'path /name'),
  bad('DELETE /api/pauses/colour/red', 'path /scope'),
  bad('POST /api/organizations/{org}/watchlist', 'body /currency', { asset: 'bitcoin', currency: 'USD' }),
];

const query = (path: string, name: string, ...values: string[]) =>
  values.map((value) => bad(`GET ${path}?${name}=${value}`, `query /${name}`));
const LISTS = [
  '/api/tasks',
  '/api/organizations',
  '/api/organizations/{org}/members',
  '/api/organizations/{org}/prices',
];
/** Bad cursors: no cursor, wrong length, another alphabet, not the canonical spelling, with a NUL. */
const CURSORS = [
  'x',
  'A'.repeat(21),
  'A'.repeat(23),
  '%00',
  '%7B%7D',
  'A'.repeat(22).concat('%3D%3D'),
  `${'A'.repeat(21)}B`,
];
const QUERIES: BadCase[] = [
  ...LISTS.flatMap((path) => [
    ...query(
      path,
      'limit',
      '',
      '0',
      '-1',
      '1001',
      '1e9',
      'NaN',
      '1.5',
      '5.0',
      '%205',
      '0x10',
      '1e1',
      'Infinity',
      '%zz',
      '5%00',
    ),
    ...query(path, 'cursor', '', ...CURSORS, 'A'.repeat(301)),
    bad(`GET ${path}?limit=5&limit=6`, 'query /limit'),
    bad(`GET ${path}?cursor=a&cursor=b`, 'query /cursor'),
    bad(`GET ${path}?__proto__=1`, 'query /__proto__'),
    bad(`GET ${path}?constructor=1`, 'query /constructor'),
    bad(`GET ${path}?Limit=5`, 'query /Limit'),
  ]),
  ...query('/api/tasks', 'limit', '201'),
  ...query('/api/tasks', 'kind', '', 'DATA.PROCESS', 'data.process%00'),
  ...query('/api/tasks', 'organization', ...UUIDS.map(encodeURIComponent)),
  ...query('/api/tasks', 'created_by', 'you', ''),
  ...['created_from', 'created_to', 'scheduled_from', 'scheduled_to'].flatMap((name) =>
    query(
      '/api/tasks',
      name,
      ...TIMES.filter((time) => typeof time === 'string' && time !== yearsAhead(11)).map((time) =>
        encodeURIComponent(String(time)),
      ),
    ),
  ),
  bad('GET /api/tasks?status=', 'query /status/0'),
  bad('GET /api/tasks?status=completed', 'query /status/0'),
  bad('GET /api/tasks?status=FAILED,NO', 'query /status/1'),
  ...query('/api/organizations/{org}/prices', 'from', 'yesterday', '2024-01-01', '10000-01-01T00:00:00Z'),
  ...query('/api/organizations/{org}/prices', 'asset', 'BTC', "bitcoin'--"),
  ...query('/api/organizations/{org}/prices', 'currency', 'xxx', 'USD'),
  bad('GET /api/organizations/{org}/prices?from=2024-01-02T00:00:00Z&to=2024-01-01T00:00:00Z', 'query /from'),
  bad('DELETE /api/organizations/{org}/watchlist/bitcoin?currency=doubloon', 'query /currency'),
  bad('DELETE /api/organizations/{org}/watchlist/bitcoin?force=1', 'query /force'),
  bad('DELETE /api/organizations/{org}/watchlist/BTC', 'path /asset'),
  bad('DELETE /api/organizations/{org}/watchlist/%00', 'path /asset'),
];

const AUTHORIZATIONS: [header: string, code: string][] = [
  ...[
    '',
    'Bearer',
    'Bearer ',
    'Basic YTpi',
    'Token abc',
    'Bearer a b',
    'Bearerabc',
    'Bearer\tx',
    'Bearer a, Bearer b',
  ].map((header): [string, string] => [header, 'not_authenticated']),
  ...[
    'x',
    'a.b.c',
    '..',
    'é',
    `${'x'.repeat(3000)}`,
    'eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.',
    'bnVsbA.bnVsbA.bnVsbA',
  ].map((token): [string, string] => [`Bearer ${token}`, 'token_not_valid']),
];

const refused = (request: string, status: number, code: string): BadCase => ({
  request,
  status,
  code,
  names: [],
});
const METHODS: BadCase[] = [
  ...['PUT', 'PATCH', 'DELETE', 'OPTIONS'].map((method) => `${method} /api/tasks/`),
  ...[
    'POST /api/tasks/{task}/',
    'GET /api/tasks/{task}/cancel',
    'DELETE /api/tasks/{task}',
    'GET /api/ws-tickets',
  ],
  ...['POST /api/organizations/{org}', 'PUT /api/organizations/{org}/prices/', 'POST /api/docs'],
  ...['GET /api/auth/login/', 'DELETE /api/auth/me', 'GET /api/token', 'POST /.well-known/jwks.json'],
].map((request) => refused(request, 405, 'method_not_allowed'));

export const BY_HAND: BadCase[] = [
  ...TASK_FIELDS.map(([pointer, value]) => {
    const [, field = ''] = pointer.replace('~1', '\u0001').replace('~0', '~').split('/');
    return bad('POST /api/tasks', `body ${pointer}`, task({ [field.replace('\u0001', '/')]: value }));
  }),
  {
    ...bad('POST /api/tasks', 'body /depends_on/0', task({ depends_on: [NOBODY] })),
    status: 404,
    code: 'dependency_not_found',
  },
  ...PAYLOADS.map(([pointer, given]) => bad('POST /api/tasks', `body ${pointer}`, task(given))),
  bad('POST /api/tasks', 'body /payload/records/0/a', '{"name":"x","payload":{"records":[{"a":1e400}]}}'),
  ...OTHER_BODIES,
  ...QUERIES,
  ...AUTHORIZATIONS.map(([authorization, code]) => ({
    ...refused('GET /api/tasks', 401, code),
    headers: { authorization },
  })),
  ...METHODS,
  refused('GET /api/nothing', 404, 'not_found'),
  refused('GET /api/tasks/{task}/nothing', 404, 'not_found'),
];
