import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DatabaseFixture, databaseFixture } from '../../database/testing/database-fixture.ts';
import { JsonText } from '../../exact-json/json-text.ts';
import { anyJsonText, tokensOf } from '../../exact-json/testing/any-json.ts';
import { guardedFetch } from '../../fetch/client/guarded-fetch.ts';
import { serve } from '../../fetch/testing/server.ts';
import { apiFunction, type Client } from '../../http/testing/api-function.ts';
import { memoryTaskArtifacts } from '../artifacts/testing/memory-task-artifacts.ts';
import type { TaskContext } from '../define-task.ts';
import { importPorts } from '../imports/imports.ts';
import { NO_INPUTS } from '../inputs/testing/no-inputs.ts';
import { importTask } from '../kinds/batch-import/run.ts';
import httpRequest from '../kinds/http-request/inline.ts';
import * as store from '../store/index.ts';
import type { Task } from '../task.ts';
import { DISPATCH } from '../verification/fixtures.ts';
import { readImportedTask } from './parse-task-request.ts';

let on: DatabaseFixture;
let api: ReturnType<typeof apiFunction>;
let worker: ReturnType<DatabaseFixture['as']>;
let ada: Client;

beforeAll(async () => {
  on = await databaseFixture();
  api = apiFunction(on);
  worker = on.as('worker');
  ada = await api.register();
  // These tests run more requests at once than the default quotas allow.
  await on.admin`update quotas set value = 10_000 where name like 'running_requests_of_%'`;
});
afterAll(() => on.close());

const context = (task: Pick<Task, 'id' | 'attempt'>): TaskContext => ({
  signal: new AbortController().signal,
  taskId: task.id,
  attempt: task.attempt,
  idempotencyKey: task.id,
  deadline: new Date(Date.now() + 60_000),
  fetch: guardedFetch({ loopback: 'allowed' }),
  artifacts: memoryTaskArtifacts(),
  inputs: NO_INPUTS,
  progress() {},
  log() {},
});

const claim = async (ids: readonly string[]) =>
  (await store.claim(worker, { ids, leaseSeconds: 600, soonSeconds: 0 })).claimed;

/** The JSON text of a task request, with the body inserted unchanged. */
const taskText = (url: string, body: string) =>
  `{"name": "x", "kind": "http.request", "payload": {"url": "${url}", "method": "POST", "body": ${body}}}`;

const quoted = (cell: string) => `"${cell.replaceAll('"', '""')}"`;

async function importOf(format: 'ndjson' | 'csv', text: string, given: string): Promise<string[]> {
  const bytes = Buffer.byteLength(text);
  const { body: upload } = await ada.ask('POST', '/api/uploads/', { format, bytes });
  api.objects.set(`uploads/${ada.organizationId}/${upload.id}`, Buffer.from(text));
  const wanted = `{"upload": "${upload.id}", "format": "${format}", "partial": true${given}}`;
  const { status, body } = await ada.ask('POST', '/api/batches/import/', wanted);
  expect([status, body.code]).toEqual([202, undefined]);
  const [row] = await claim([body.task]);
  if (!row) throw new Error('The import was not claimed');
  const ports = importPorts({
    db: worker,
    artifacts: api.artifacts,
    dispatch: DISPATCH,
    enqueue: async () => [],
    announceBatch() {},
    read: readImportedTask,
  });
  // An import without a valid line fails.
  await importTask(ports)
    .perform(row.payload, context(row))
    .catch(() => {});
  const tasks = await on.admin<{ id: string }[]>`select id from tasks where batch_id = ${body.batch.id}`;
  return tasks.map(({ id }) => id);
}

/** Every way to create a task. Each way creates tasks of the bodies that it does not refuse. */
const WAYS: Readonly<Record<string, (url: string, bodies: readonly string[]) => Promise<string[]>>> = {
  async single(url, bodies) {
    const made: string[] = [];
    for (const [n, body] of bodies.entries()) {
      const answer = await ada.ask('POST', '/api/tasks/', taskText(`${url}/${n}`, body));
      if (answer.status === 201) made.push(answer.body.id);
      else
        expect([answer.status, answer.body.errors[0].pointer]).toEqual([
          400,
          expect.stringMatching(/^\/payload\/body/),
        ]);
    }
    return made;
  },
  async bulk(url, bodies) {
    const tasks = bodies.map((body, n) => taskText(`${url}/${n}`, body));
    const answer = await ada.ask('POST', '/api/tasks/bulk/', `{"partial": true, "tasks": [${tasks}]}`);
    if (answer.status === 400) {
      // A fault of the JSON makes the whole request invalid. Then send each body alone.
      const each = bodies.map((body, n) => `{"tasks": [${taskText(`${url}/${n}`, body)}]}`);
      const answers = [];
      for (const text of each) answers.push(await ada.ask('POST', '/api/tasks/bulk/', text));
      const made = answers.flatMap(({ status, body }) => (status === 201 ? [body.batch.id as string] : []));
      const rows = await on.admin<
        { id: string }[]
      >`select id from tasks where batch_id = any (${made}::uuid[])`;
      return rows.map(({ id }) => id);
    }
    return answer.body.results.flatMap(({ id }: { id?: string }) => id ?? []);
  },
  ndjson(url, bodies) {
    const lines = bodies.map((body, n) => taskText(`${url}/${n}`, body.replaceAll(/[\r\n]/g, ' ')));
    return importOf('ndjson', lines.join('\n'), '');
  },
  'ndjson with defaults'(url, bodies) {
    const lines = bodies.map(
      (body, n) => `{"payload": {"url": "${url}/${n}", "body": ${body.replaceAll(/[\r\n]/g, ' ')}}}`,
    );
    const defaults = ', "defaults": {"name": "x", "kind": "http.request", "payload": {"method": "POST"}}';
    return importOf('ndjson', lines.join('\n'), defaults);
  },
  csv(url, bodies) {
    const rows = bodies.map((body, n) => `x,http.request,${url}/${n},POST,${quoted(body)}`);
    return importOf(
      'csv',
      ['name,kind,payload.url,payload.method,payload.body:json', ...rows].join('\n'),
      '',
    );
  },
  'csv with a whole payload'(url, bodies) {
    const payloads = bodies.map((body, n) => `{"url": "${url}/${n}", "method": "POST", "body": ${body}}`);
    return importOf(
      'csv',
      ['name,kind,payload', ...payloads.map((p) => `x,http.request,${quoted(p)}`)].join('\n'),
      '',
    );
  },
};

test('a JSON body is stored token by token as it was given, or refused, on every route', async () => {
  const arrived = new Map<string, string>();
  const origin = await serve(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    arrived.set(request.url ?? '', Buffer.concat(chunks).toString());
    response.end();
  });
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(anyJsonText, { minLength: 8, maxLength: 12 }), async (generated) => {
      run += 1;
      // Both sides of the property always have a member: a body that is accepted, and one that is refused.
      const bodies = ['{"b": -0, "2": 1.10, "1": 1e2}', '{"a": 1e400}', ...generated];
      const accepted: Record<string, number[]> = {};
      for (const [way, make] of Object.entries(WAYS)) {
        const path = `/${run}/${encodeURIComponent(way)}`;
        const ids = await make(origin + path, bodies);
        const rows = await claim(ids);
        expect(rows.length).toBe(ids.length);
        for (const row of rows) await httpRequest.perform(row.payload, context(row));
        accepted[way] = bodies.flatMap((body, n) => {
          const sent = arrived.get(`${path}/${n}`);
          if (sent === undefined) return [];
          const value: unknown = JSON.parse(body);
          if (typeof value === 'string') expect(sent).toBe(value);
          else expect([way, tokensOf(sent)]).toEqual([way, tokensOf(body)]);
          return [n];
        });
      }
      const [first, ...others] = Object.values(accepted);
      for (const other of others) expect(other).toEqual(first);
      expect(first).toContain(0);
      expect(first).not.toContain(1);
    }),
    { numRuns: 6 },
  );
});

test('a payload is shown as it was given', async () => {
  const payload =
    '{"method": "POST", "url": "https://example.com/", "body": {"2": 1.10, "1": -0, "b": 1e2, "a": [12345678901234567890, 0.10]}}';
  const body = `{"payload": ${payload}, "kind": "http.request", "name": "x"}`;
  const headers = { authorization: `Bearer ${ada.access}`, 'content-type': 'application/json' };
  const made = await (await api.app.request('/api/tasks/', { method: 'POST', headers, body })).text();
  const { id } = JSON.parse(made);
  const read = await (await api.app.request(`/api/tasks/${id}/`, { headers })).text();
  for (const text of [made, read]) {
    expect(tokensOf(new JsonText(text).members().get('payload')?.text ?? '')).toEqual(tokensOf(payload));
  }
});

const REFUSED = [
  [
    'an integer that is too long',
    { kind: 'data.process' },
    '{"records": [{"id": 12345678901234567890}]}',
    '/payload/records/0/id',
  ],
  [
    'digits that no double keeps',
    { kind: 'data.process' },
    '{"records": [{"x": 0.12345678901234567890}]}',
    '/payload/records/0/x',
  ],
  [
    'a name that stands twice',
    { kind: 'http.request' },
    '{"url": "https://example.com/", "method": "POST", "body": {"a": {"b": 1, "\\u0062": 2}}}',
    '/payload/body/a/b',
  ],
  [
    'a number in another member',
    { kind: 'http.request' },
    '{"url": "https://example.com/", "timeout_seconds": 30.000000000000000001}',
    '/payload/timeout_seconds',
  ],
  [
    'a number beyond all',
    { kind: 'http.request' },
    '{"url": "https://example.com/", "method": "POST", "body": 1e400}',
    '/payload/body',
  ],
  [
    'a number below all',
    { kind: 'http.request' },
    '{"url": "https://example.com/", "method": "POST", "body": [1e-400]}',
    '/payload/body/0',
  ],
  [
    'a number of 1,001 characters',
    { kind: 'http.request' },
    `{"url": "https://example.com/", "method": "POST", "body": 0.${'1'.repeat(999)}}`,
    '/payload/body',
  ],
] as const;
for (const [what, { kind }, payload, pointer] of REFUSED) {
  test(`${what} is refused, and the field named`, async () => {
    const task = `{"name": "x", "kind": "${kind}", "payload": ${payload}}`;
    const single = await ada.ask('POST', '/api/tasks/', task);
    expect([single.status, single.body.errors?.[0].pointer]).toEqual([400, pointer]);
    const bulk = await ada.ask('POST', '/api/tasks/bulk/', `{"tasks": [{"name": "y"}, ${task}]}`);
    expect([bulk.status, bulk.body.errors?.[0].pointer]).toEqual([400, `/tasks/1${pointer}`]);
  });
}

test('a number of 1,000 characters is sent as it is', async () => {
  const body = `0.${'1'.repeat(998)}`;
  const task = `{"name": "x", "kind": "http.request", "payload": {"url": "https://example.com/", "method": "POST", "body": ${body}}}`;
  const made = await ada.ask('POST', '/api/tasks/', task);
  const [row] = await claim([made.body.id]);
  expect(row?.payload?.members().get('body')?.text).toBe(body);
});

test('numbers outside of payloads are refused where a double would change them', async () => {
  const answer = await ada.ask('POST', '/api/tasks/', '{"name": "x", "max_retries": 3.0000000000000000001}');
  expect([answer.status, answer.body.errors?.[0].pointer]).toEqual([400, '/max_retries']);
});

test('requests that differ only in digits are different requests', async () => {
  const ask = (body: string) =>
    ada.ask('POST', '/api/tasks/', taskText('https://example.com/', body), { 'idempotency-key': 'digits' });
  expect((await ask('[12345678901234567890]')).status).toBe(201);
  expect((await ask('[ 12345678901234567890 ]')).headers.get('idempotent-replayed')).toBe('true');
  expect((await ask('[12345678901234567891]')).body.code).toBe('idempotency_key_reused');
});
