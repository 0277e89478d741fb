import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type DatabaseFixture, databaseFixture } from '../../../database/testing/database-fixture.ts';
import * as store from '../../../tasks/store/index.ts';
import { TASK_STATUSES } from '../../../tasks/task.ts';
import { DISPATCH, force } from '../../../tasks/verification/fixtures.ts';
import { apiFunction, type Client } from '../../testing/api-function.ts';

let on: DatabaseFixture;
let api: ReturnType<typeof apiFunction>;
let ada: Client;

beforeAll(async () => {
  on = await databaseFixture();
  api = apiFunction(on);
});
beforeEach(async () => {
  ada = await api.register();
  api.woken.length = 0;
  api.announced.length = 0;
});
afterAll(() => on.close());

const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString();
const act = async (body: object, who = ada) => (await who.ask('POST', '/api/bulk-actions/', body)).body;

/** Creates tasks. Returns their ids in their order. */
async function made(count: number, given: object = {}, who = ada): Promise<string[]> {
  const tasks = Array.from({ length: count }, (_, n) => ({ name: `Task ${n}`, ...given }));
  const { body } = await who.ask('POST', '/api/tasks/bulk/', { tasks });
  const rows = await on.admin`select id from tasks where batch_id = ${body.batch.id} order by id`;
  return rows.map(({ id }) => String(id));
}

/** Returns the number of tasks with each status in the client's organization. */
async function statuses(who = ada): Promise<Record<string, number>> {
  const rows = await on.admin`
    select status, count(*)::int as n from tasks where organization_id = ${who.organizationId} group by 1`;
  return Object.fromEntries(rows.map(({ status, n }) => [status, n]));
}

/** Creates one task in each status, past all guards. Returns their ids in the order of the table of statuses. */
async function oneOfEach(): Promise<string[]> {
  const ids = await made(TASK_STATUSES.length, { scheduled_time: inDays(1) });
  for (const [n, status] of TASK_STATUSES.entries()) await force(on.admin, ids[n] ?? '', status);
  // The batch's counters do not know of these statuses.
  await on.admin`update tasks set batch_id = null where organization_id = ${ada.organizationId}`;
  return ids;
}

describe('a bulk action changes exactly the tasks that the single action could change', () => {
  test('cancel', async () => {
    await oneOfEach();
    expect(await act({ action: 'cancel', filter: { kind: 'data.process' } })).toEqual({
      matched: 3,
      changed: 3,
      stopping: 0,
      complete: true,
    });
    expect(await statuses()).toEqual({ RUNNING: 1, COMPLETED: 1, FAILED: 1, CANCELLED: 3 });
    // The running task has been asked to stop already, so a second request matches nothing.
    expect(await act({ action: 'cancel', filter: { kind: 'data.process' } })).toMatchObject({ matched: 0 });
  });

  test('retry', async () => {
    const ids = await oneOfEach();
    expect(await act({ action: 'retry', filter: { kind: 'data.process' } })).toMatchObject({ changed: 2 });
    expect(await statuses()).toEqual({ PENDING: 1, SCHEDULED: 3, RUNNING: 1, COMPLETED: 1 });
    expect(api.woken.flatMap((wakeUp) => [...wakeUp.ids]).toSorted()).toEqual(ids.slice(4));
  });

  test('reschedule', async () => {
    const ids = await oneOfEach();
    const scheduled_time = '2024-01-01T00:00:00.000Z';
    expect(await act({ action: 'reschedule', scheduled_time, filter: { ids } })).toMatchObject({
      changed: 2,
    });
    const rows = await on.admin`
      select status from tasks where organization_id = ${ada.organizationId} and scheduled_time = ${scheduled_time} order by 1`;
    expect(rows.map(({ status }) => status)).toEqual(['PENDING', 'SCHEDULED']);
    expect(api.woken.flatMap((wakeUp) => [...wakeUp.ids])).toEqual([ids[1]]);
  });
});

describe('a filter', () => {
  const matched = async (filter: object) =>
    (await act({ action: 'cancel', filter, dry_run: true })).matched as number;

  test('selects the tasks that match all of its fields', async () => {
    const later = await made(2, { scheduled_time: inDays(2) });
    const requests = await made(3, {
      kind: 'http.request',
      payload: { url: 'https://example.com/' },
      scheduled_time: inDays(1),
    });
    const { body: alone } = await ada.ask('POST', '/api/tasks/', { name: 'x', scheduled_time: inDays(1) });
    const { body: batch } = await ada.ask('GET', '/api/batches/');
    expect(await matched({ kind: 'http.request' })).toBe(3);
    expect(await matched({ queue: 'interactive' })).toBe(1);
    expect(await matched({ batch: batch.results[1].id })).toBe(2);
    expect(await matched({ status: 'SCHEDULED' })).toBe(6);
    expect(await matched({ status: ['PENDING', 'CANCELLED'] })).toBe(0);
    expect(await matched({ created_by: 'me' })).toBe(6);
    expect(await matched({ created_from: inDays(-1), created_to: inDays(1) })).toBe(6);
    expect(await matched({ created_to: inDays(-1) })).toBe(0);
    expect(await matched({ scheduled_from: inDays(1.5) })).toBe(2);
    expect(await matched({ scheduled_to: inDays(1.5), kind: 'data.process' })).toBe(1);
    expect(await matched({ ids: [alone.id, later[0], randomUUID()] })).toBe(2);
    expect(await matched({ ids: requests, queue: 'interactive' })).toBe(0);
    expect(await matched({ organization: ada.organizationId })).toBe(6);
  });

  test('must have at least one field', async () => {
    const { status, body } = await ada.ask('POST', '/api/bulk-actions/', { action: 'cancel', filter: {} });
    expect([status, body.errors[0].pointer]).toEqual([400, '/filter']);
  });

  test('does not reach tasks of another organization by any path', async () => {
    const eve = await api.register();
    const ids = await made(2, { scheduled_time: inDays(1) });
    for (const filter of [{ ids }, { status: 'SCHEDULED' }, { created_from: inDays(-1) }])
      expect(await act({ action: 'cancel', filter }, eve)).toEqual({
        matched: 0,
        changed: 0,
        stopping: 0,
        complete: true,
      });
    expect((await act({ action: 'cancel', filter: { organization: ada.organizationId } }, eve)).code).toBe(
      'organization_not_found',
    );
    // A viewer may read these tasks but not change them. They are left out without ids, and refused when they are named.
    await on.admin`insert into memberships values (${ada.organizationId}, ${eve.userId}, 'viewer')`;
    expect(await act({ action: 'cancel', filter: { ids } }, eve)).toMatchObject({ matched: 0 });
    expect((await act({ action: 'cancel', filter: { organization: ada.organizationId } }, eve)).code).toBe(
      'role_insufficient',
    );
    expect(await statuses()).toEqual({ SCHEDULED: 2 });
  });

  test('reaches every organization that the user may write to', async () => {
    const eve = await api.register();
    await on.admin`insert into memberships values (${ada.organizationId}, ${eve.userId}, 'member')`;
    await made(2, { scheduled_time: inDays(1) });
    await made(1, { scheduled_time: inDays(1) }, eve);
    expect(await act({ action: 'cancel', filter: { status: 'SCHEDULED' } }, eve)).toMatchObject({
      changed: 3,
    });
  });
});

test('a repeated reschedule skips tasks that already have the new time', async () => {
  const [first = '', second = '', third = ''] = await made(3, { scheduled_time: inDays(1) });
  const reschedule = (time: string, ids: string[], dry_run = false) =>
    act({ action: 'reschedule', scheduled_time: time, filter: { ids }, dry_run });
  const time = inDays(2);
  expect(await reschedule(time, [first, second])).toMatchObject({ changed: 2 });
  expect(await reschedule(time, [first, second, third], true)).toMatchObject({ matched: 1 });
  expect(await reschedule(time, [first, second, third])).toMatchObject({ matched: 1, changed: 1 });
  // A task that waits for its next attempt has a `run_at` other than its scheduled time, and becomes due immediately.
  await on.admin`update tasks set run_at = now() + interval '1 hour', scheduled_time = now() - interval '1 day', attempt = 1 where id = ${first}`;
  const [{ at = '' } = {}] = await on.admin`
    select to_json(scheduled_time) #>> '{}' as at from tasks where id = ${first}`;
  expect(await reschedule(at, [first])).toMatchObject({ matched: 1, changed: 1 });
  expect(await reschedule(at, [first])).toMatchObject({ matched: 0, changed: 0 });
});

test('a dry run counts and changes nothing', async () => {
  await made(5, { scheduled_time: inDays(1) });
  const filter = { status: 'SCHEDULED' };
  expect(await act({ action: 'cancel', filter, dry_run: true })).toEqual({
    matched: 5,
    changed: 0,
    stopping: 0,
    complete: true,
  });
  expect([await statuses(), api.announced]).toEqual([{ SCHEDULED: 5 }, []]);
});

test('more tasks than one statement takes are all changed once, and their watchers are notified', async () => {
  const ids = await made(store.BULK_STEP.changed + 1, { scheduled_time: inDays(1) });
  await on.admin`update tasks set watchers = '{one}' where id = ${ids.at(-1) ?? ''}`;
  const filter = { created_by: 'me' };
  expect(await act({ action: 'cancel', filter })).toEqual({
    matched: 1_001,
    changed: 1_001,
    stopping: 0,
    complete: true,
  });
  const watched = api.announced.filter(({ watchers }) => watchers.length > 0);
  expect(watched).toMatchObject([{ id: ids.at(-1), status: 'CANCELLED', watchers: ['one'] }]);
  expect(await act({ action: 'retry', filter })).toEqual({
    matched: 1_001,
    changed: 1_001,
    stopping: 0,
    complete: true,
  });
  expect(api.woken.flatMap((wakeUp) => [...wakeUp.ids]).toSorted()).toEqual(ids);
});

test('a retry skips tasks whose unique key another task has taken', async () => {
  const [first] = await made(1, { unique_key: 'a', scheduled_time: inDays(1) });
  await act({ action: 'cancel', filter: { ids: [first] } });
  const [second] = await made(1, { unique_key: 'a', scheduled_time: inDays(1) });
  const [other] = await made(1, { unique_key: 'b', scheduled_time: inDays(1) });
  await act({ action: 'cancel', filter: { ids: [other] } });
  expect(await act({ action: 'retry', filter: { status: 'CANCELLED' } })).toEqual({
    matched: 2,
    changed: 1,
    stopping: 0,
    complete: true,
  });
  // When two tasks want the same free key, one of them gets it.
  await act({ action: 'cancel', filter: { ids: [second] } });
  expect(await act({ action: 'retry', filter: { status: 'CANCELLED' } })).toMatchObject({
    matched: 2,
    changed: 1,
  });
});

test('the same action twice at once changes and counts each task once', async () => {
  await made(300, { scheduled_time: inDays(1) });
  const others = [apiFunction(on), apiFunction(on)];
  const both = async (action: string) => {
    const body = JSON.stringify({ action, filter: { created_by: 'me' } });
    const headers = { authorization: `Bearer ${ada.access}`, 'content-type': 'application/json' };
    const answers = await Promise.all(
      others.map(({ app }) => app.request('/api/bulk-actions/', { method: 'POST', headers, body })),
    );
    const outcomes = (await Promise.all(answers.map((answer) => answer.json()))) as { changed: number }[];
    return outcomes.reduce((sum, { changed }) => sum + changed, 0);
  };
  expect(await both('cancel')).toBe(300);
  expect((await ada.ask('GET', '/api/batches/')).body.results).toMatchObject([
    { cancelled: 300, status: 'finished' },
  ]);
  expect(await both('retry')).toBe(300);
  expect((await ada.ask('GET', '/api/batches/')).body.results).toMatchObject([
    { cancelled: 0, waiting: 300 },
  ]);
});

test('stops when its time is up, says so, and continues when it is repeated', async () => {
  await made(3, { scheduled_time: inDays(1) });
  const body = JSON.stringify({ action: 'cancel', filter: { status: 'SCHEDULED' } });
  const headers = { authorization: `Bearer ${ada.access}`, 'content-type': 'application/json' };
  const withSecondsLeft = async (seconds: number) => {
    const lambdaContext = { getRemainingTimeInMillis: () => seconds * 1000 };
    const answer = await api.app.request(
      '/api/bulk-actions/',
      { method: 'POST', headers, body },
      { lambdaContext },
    );
    return answer.json();
  };
  expect(await withSecondsLeft(4)).toEqual({ matched: 0, changed: 0, stopping: 0, complete: false });
  expect(await withSecondsLeft(20)).toEqual({ matched: 3, changed: 3, stopping: 0, complete: true });
});

test('a retry right after a cancel counts the tasks that are still stopping, and retries them later', async () => {
  const [running = '', waiting = ''] = await made(2, { scheduled_time: '2024-01-01T00:00:00Z' });
  const worker = on.as('worker');
  await store.claim(worker, { ids: [running], leaseSeconds: 3_600, soonSeconds: 0 });
  await act({ action: 'cancel', filter: { ids: [running, waiting] } });
  const retry = { action: 'retry', filter: { ids: [running, waiting] } };
  const told = { matched: 1, stopping: 1, complete: false };
  expect(await act({ ...retry, dry_run: true })).toEqual({ ...told, changed: 0 });
  expect(await act(retry)).toEqual({ ...told, changed: 1 });
  const error = { code: 'aborted', message: 'aborted' };
  await store.settle(worker, [{ id: running, attempt: 1, kind: 'fail', error }], DISPATCH);
  expect(await act(retry)).toEqual({ matched: 1, changed: 1, stopping: 0, complete: true });
});
