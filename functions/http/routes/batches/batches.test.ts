import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type DatabaseFixture, databaseFixture } from '../../../database/testing/database-fixture.ts';
import * as store from '../../../tasks/store/index.ts';
import { DISPATCH } from '../../../tasks/verification/fixtures.ts';
import { apiFunction, type Client } from '../../testing/api-function.ts';

let on: DatabaseFixture;
let api: ReturnType<typeof apiFunction>;
let ada: Client;
let worker: ReturnType<DatabaseFixture['as']>;

beforeAll(async () => {
  on = await databaseFixture();
  api = apiFunction(on);
  worker = on.as('worker');
});
beforeEach(async () => {
  ada = await api.register();
  api.woken.length = 0;
  api.announced.length = 0;
});
afterAll(() => on.close());

const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString();
const tasks = (count: number, given: object = {}) =>
  Array.from({ length: count }, (_, n) => ({ name: `Task ${n}`, ...given }));
const bulk = (body: object, headers?: Record<string, string>) =>
  ada.ask('POST', '/api/tasks/bulk/', body, headers);
const get = async (path: string, who = ada) => (await who.ask('GET', path)).body;

/** Creates a batch of `count` tasks. Returns its id and the ids of its tasks. */
async function batchOf(count: number, given: object = {}): Promise<{ id: string; ids: string[] }> {
  const { body } = await bulk({ tasks: tasks(count, given) });
  const rows = await on.admin`select id from tasks where batch_id = ${body.batch.id} order by id`;
  return { id: body.batch.id, ids: rows.map((row) => String(row.id)) };
}

const settle = (ids: readonly string[], kind: 'complete' | 'fail') =>
  store.settle(
    worker,
    ids.map((id) =>
      kind === 'complete'
        ? { id, attempt: 1, kind, result: null }
        : { id, attempt: 1, kind, error: { code: 'boom', message: 'boom' } },
    ),
    DISPATCH,
  );

describe('POST /api/tasks/bulk/', () => {
  test('commits all tasks as a batch, and wakes the bulk queue with a hundred ids a message', async () => {
    const { status, headers, body } = await bulk({ name: 'Letters', tasks: tasks(250) });
    expect(status).toBe(201);
    expect(headers.get('location')).toBe(`/api/batches/${body.batch.id}/`);
    expect(body).toEqual({
      created: 250,
      batch: {
        id: expect.any(String),
        name: 'Letters',
        organization: ada.organizationId,
        created_by: ada.userId,
        queue: 'bulk',
        status: 'running',
        total: 250,
        completed: 0,
        failed: 0,
        cancelled: 0,
        running: 0,
        waiting: 250,
        progress: 0,
        created_at: expect.stringMatching(/Z$/),
        updated_at: expect.stringMatching(/Z$/),
        finished_at: null,
        seq: 1,
      },
    });
    expect(api.woken.map(({ queue, ids }) => [queue, ids.length])).toEqual([
      ['bulk', 100],
      ['bulk', 100],
      ['bulk', 50],
    ]);
    const [row] = await on.admin`
      select count(*)::int as tasks, count(distinct id)::int as ids from tasks
      where batch_id = ${body.batch.id} and organization_id = ${ada.organizationId} and queue = 'bulk'`;
    expect(row).toEqual({ tasks: 250, ids: 250 });
  });

  test('every field of a task arrives', async () => {
    const given = {
      name: 'Näme, "quoted" \\ {braces}',
      description: 'two\nlines',
      scheduled_time: '2030-01-01T00:00:00.123Z',
      kind: 'http.request',
      payload: { url: 'https://example.com/', headers: { 'x-a': '"\\' } },
      max_retries: 7,
      retry: { base_seconds: 1, never_retry: ['x'] },
      limits: { soft_seconds: 1.5, hard_seconds: 2 },
      unique_key: 'k,1',
      concurrency_key: 'c',
      concurrency_limit: 3,
    };
    const { body } = await bulk({ queue: 'interactive', tasks: [given, { name: 'Plain' }] });
    const { results } = await get(`/api/tasks/?batch=${body.batch.id}`);
    const { retry: _retry, limits: _limits, payload, ...shown } = given;
    expect(await get(`/api/tasks/${results[1].id}/`)).toMatchObject({ ...shown, payload });
    const [row] = await on.admin`
      select queue, retry_policy, soft_seconds, hard_seconds, unique_key, concurrency_key, concurrency_limit, scheduled_time
      from tasks where id = ${results[1].id}`;
    expect(row).toEqual({
      queue: 'interactive',
      retry_policy: { base: 1, neverRetry: ['x'] },
      soft_seconds: 1.5,
      hard_seconds: 2,
      unique_key: 'k,1',
      concurrency_key: 'c',
      concurrency_limit: 3,
      scheduled_time: new Date(given.scheduled_time),
    });
    const [plain] = await on.admin`
      select retry_policy, soft_seconds, unique_key, concurrency_key, description from tasks where id = ${results[0].id}`;
    expect(plain).toEqual({
      retry_policy: null,
      soft_seconds: null,
      unique_key: null,
      concurrency_key: null,
      description: '',
    });
  });

  test('tasks for later get their message later', async () => {
    const { body } = await bulk({ tasks: [{ name: 'Later', scheduled_time: inDays(1) }] });
    expect([body.created, api.woken]).toEqual([1, []]);
  });

  test('one invalid task prevents all from being created, and every error is named by its place', async () => {
    const bad = [
      { name: 'x', unknown: 1 },
      { name: 'x', payload: { csv: '' } },
      { name: 'x', kind: 'http.request', payload: { url: 'ftp://x' } },
      { name: 'x', queue: 'bulk', organization: ada.organizationId },
      'task',
      { name: 'x', concurrency_limit: 1 },
    ];
    const { status, body } = await bulk({ tasks: [...tasks(3), ...bad] });
    expect([status, body.code]).toEqual([400, 'invalid_request']);
    expect(body.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual([
      '/tasks/3/unknown',
      '/tasks/4/payload/csv',
      '/tasks/5/payload/url',
      '/tasks/6/queue',
      '/tasks/6/organization',
      '/tasks/7',
      '/tasks/8/concurrency_limit',
    ]);
    expect(body.detail).toContain('6 of 9 tasks are not in order');
    expect((await get('/api/tasks/')).results).toEqual([]);
    expect((await get('/api/batches/')).results).toEqual([]);
  });

  test('the errors of ten thousand tasks are counted, and only some of them listed', async () => {
    const { status, body } = await bulk({ tasks: tasks(10_000, { name: '' }) });
    expect(status).toBe(400);
    expect([body.errors.length, body.more_errors]).toEqual([20, 9_980]);
  });

  test('a unique key that is taken or used twice is named; a finished task with the key does not matter', async () => {
    await ada.ask('POST', '/api/tasks/', { name: 'x', unique_key: 'a', scheduled_time: inDays(1) });
    const wanted = ['a', 'b', 'c', 'b'].map((unique_key) => ({ name: 'x', unique_key }));
    const { status, body } = await bulk({ tasks: wanted });
    expect([status, body.code]).toEqual([409, 'unique_key_taken']);
    expect(body.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual([
      '/tasks/0/unique_key',
      '/tasks/3/unique_key',
    ]);
    expect((await get('/api/batches/')).results).toEqual([]);
    expect((await bulk({ tasks: wanted.slice(1, 3) })).status).toBe(201);
  });

  test('with partial, valid tasks are created, and each task has a result', async () => {
    await ada.ask('POST', '/api/tasks/', { name: 'x', unique_key: 'a', scheduled_time: inDays(1) });
    const { status, body } = await bulk({
      partial: true,
      tasks: [
        { name: 'one' },
        { name: '' },
        { name: 'three', unique_key: 'a' },
        { name: 'four', unique_key: 'b' },
      ],
    });
    expect([status, body.created, body.batch.total]).toEqual([201, 2, 2]);
    expect(body.results).toEqual([
      { index: 0, id: expect.any(String) },
      { index: 1, errors: [{ pointer: '/tasks/1/name', detail: expect.any(String) }] },
      { index: 2, errors: [{ pointer: '/tasks/2/unique_key', detail: expect.any(String) }] },
      { index: 3, id: expect.any(String) },
    ]);
    expect((await get(`/api/tasks/${body.results[3].id}/`)).name).toBe('four');
  });

  test('with partial and no valid task, nothing is created, and the answer says so', async () => {
    const { status, body } = await bulk({ partial: true, tasks: tasks(2, { name: '' }) });
    expect([status, body.batch, body.created, body.results.length]).toEqual([200, null, 0, 2]);
  });

  test('a partial answer about ten thousand bad tasks stays below what Lambda can send', async () => {
    const { body } = await bulk({
      partial: true,
      tasks: tasks(10_000, { name: '', [`x${'y'.repeat(200)}`]: 1 }),
    });
    expect(Buffer.byteLength(JSON.stringify(body))).toBeLessThan(3_000_000);
    expect(body.results[5_000]).toEqual({ index: 5_000, errors: [], more_errors: 2 });
  });

  test('repeated with its idempotency key, it gets the same batch, also when the first answer was never remembered', async () => {
    for (const partial of [false, true]) {
      const headers = { 'idempotency-key': randomUUID() };
      const first = await bulk({ partial, tasks: tasks(3) }, headers);
      await on.admin`update idempotency_keys set status = null, body = null, locked_until = now() - interval '1 second'`;
      const again = await bulk({ partial, tasks: tasks(3) }, headers);
      expect([again.status, again.body.batch.id, again.body.results]).toEqual([
        201,
        first.body.batch.id,
        first.body.results,
      ]);
    }
    const [row] =
      await on.admin`select count(*)::int as tasks from tasks where organization_id = ${ada.organizationId}`;
    expect(row).toEqual({ tasks: 6 });
  });

  test('is refused to viewers and non-members', async () => {
    const eve = await api.register();
    const ask = () =>
      eve.ask('POST', '/api/tasks/bulk/', { organization: ada.organizationId, tasks: tasks(1) });
    expect([(await ask()).status, (await ask()).body.code]).toEqual([404, 'organization_not_found']);
    await on.admin`insert into memberships values (${ada.organizationId}, ${eve.userId}, 'viewer')`;
    for (const partial of [false, true]) {
      const body = { organization: ada.organizationId, tasks: tasks(1), partial };
      expect((await eve.ask('POST', '/api/tasks/bulk/', body)).body.code).toBe('role_insufficient');
    }
  });
});

describe('a batch', () => {
  test('shows its progress, and the number of running tasks', async () => {
    const { id, ids } = await batchOf(8);
    await store.claim(worker, { ids: ids.slice(0, 5), leaseSeconds: 30, soonSeconds: 0 });
    await settle(ids.slice(0, 2), 'complete');
    await settle(ids.slice(2, 3), 'fail');
    await ada.ask('POST', `/api/tasks/${ids[7]}/cancel/`);
    expect(await get(`/api/batches/${id}/`)).toMatchObject({
      status: 'running',
      total: 8,
      completed: 2,
      failed: 1,
      cancelled: 1,
      running: 2,
      waiting: 2,
      progress: 0.5,
      finished_at: null,
    });
    await settle(ids.slice(3, 5), 'complete');
    await ada.ask('POST', `/api/batches/${id}/cancel/`);
    expect(await get(`/api/batches/${id}/`)).toMatchObject({
      status: 'finished',
      running: 0,
      waiting: 0,
      progress: 1,
      finished_at: expect.stringMatching(/Z$/),
    });
  });

  test('lists are newest first and have cursors', async () => {
    const made = [await batchOf(1), await batchOf(1), await batchOf(1)].map(({ id }) => id).toReversed();
    const first = await get('/api/batches/?limit=2');
    const second = await get(`/api/batches/?limit=2&cursor=${first.next_cursor}`);
    const idsOf = (page: { results: { id: string }[] }) => page.results.map(({ id }) => id);
    expect([idsOf(first), idsOf(second), second.next_cursor]).toEqual([
      made.slice(0, 2),
      made.slice(2),
      null,
    ]);
  });

  test('is a filter of the list of tasks', async () => {
    const [one, other] = [await batchOf(2), await batchOf(3)];
    await ada.ask('POST', '/api/tasks/', { name: 'Alone' });
    const { results } = await get(`/api/tasks/?batch=${one.id}`);
    expect(results.map(({ id }: { id: string }) => id)).toEqual(one.ids.toReversed());
    expect((await get(`/api/tasks/?batch=${other.id}&status=SCHEDULED`)).results).toHaveLength(3);
    // Ids of other tasks may lie between those of a batch.
    await on.admin`
      update batches set first_task_id = '00000000-0000-7000-8000-000000000000',
        last_task_id = 'ffffffff-ffff-7fff-bfff-ffffffffffff' where id = ${one.id}`;
    expect((await get(`/api/tasks/?batch=${one.id}`)).results).toHaveLength(2);
    expect((await ada.ask('POST', `/api/batches/${one.id}/cancel/`)).body).toMatchObject({ changed: 2 });
    expect((await ada.ask('GET', `/api/tasks/?batch=${randomUUID()}`)).body.code).toBe('batch_not_found');
  });

  test('cannot be seen, filtered by or changed from another organization', async () => {
    const { id } = await batchOf(1);
    const eve = await api.register();
    expect((await get('/api/batches/', eve)).results).toEqual([]);
    for (const [method, path, body] of [
      ['GET', `/api/batches/${id}/`],
      ['GET', `/api/tasks/?batch=${id}`],
      ['POST', `/api/batches/${id}/cancel/`],
      ['POST', `/api/batches/${id}/retry/`],
      ['POST', '/api/bulk-actions/', { action: 'cancel', filter: { batch: id } }],
    ] as const) {
      const { status, body: answered } = await eve.ask(method, path, body);
      expect([path, status, answered.code]).toEqual([path, 404, 'batch_not_found']);
    }
    expect(await get(`/api/batches/${id}/`)).toMatchObject({ waiting: 1 });
  });

  test('is cancelled as a whole: waiting tasks at once, running ones by a request; a second cancel does nothing', async () => {
    const { id, ids } = await batchOf(5);
    await store.claim(worker, { ids: ids.slice(0, 2), leaseSeconds: 30, soonSeconds: 0 });
    await settle(ids.slice(0, 1), 'complete');
    const { body } = await ada.ask('POST', `/api/batches/${id}/cancel/`);
    expect(body).toMatchObject({
      matched: 4,
      changed: 4,
      stopping: 0,
      complete: true,
      batch: { completed: 1, cancelled: 3, running: 1 },
    });
    expect((await ada.ask('POST', `/api/batches/${id}/cancel/`)).body).toMatchObject({
      matched: 0,
      changed: 0,
    });
    const [asked] = await on.admin`select cancel_requested_at from tasks where id = ${ids[1] ?? ''}`;
    expect(asked?.cancel_requested_at).toBeInstanceOf(Date);
  });

  test('is retried as a whole: failed and cancelled tasks get their messages', async () => {
    const { id, ids } = await batchOf(4, { max_retries: 0 });
    await store.claim(worker, { ids: ids.slice(0, 2), leaseSeconds: 30, soonSeconds: 0 });
    await settle(ids.slice(0, 1), 'complete');
    await settle(ids.slice(1, 2), 'fail');
    await ada.ask('POST', `/api/tasks/${ids[2]}/cancel/`);
    api.woken.length = 0;
    const { body } = await ada.ask('POST', `/api/batches/${id}/retry/`);
    expect(body).toMatchObject({
      matched: 2,
      changed: 2,
      stopping: 0,
      complete: true,
      batch: { failed: 0, cancelled: 0, waiting: 3 },
    });
    expect(api.woken.flatMap((wakeUp) => [...wakeUp.ids]).toSorted()).toEqual([ids[1], ids[2]]);
  });

  test('cannot be changed by a viewer', async () => {
    const { id } = await batchOf(1);
    const eve = await api.register();
    await on.admin`insert into memberships values (${ada.organizationId}, ${eve.userId}, 'viewer')`;
    expect((await get(`/api/batches/${id}/`, eve)).waiting).toBe(1);
    for (const action of ['cancel', 'retry'])
      expect((await eve.ask('POST', `/api/batches/${id}/${action}/`)).body.code).toBe('role_insufficient');
  });
});
