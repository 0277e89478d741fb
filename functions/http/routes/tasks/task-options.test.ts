import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DatabaseFixture, databaseFixture } from '../../../database/testing/database-fixture.ts';
import * as store from '../../../tasks/store/index.ts';
import { DISPATCH, force } from '../../../tasks/verification/fixtures.ts';
import { apiFunction, type Client } from '../../testing/api-function.ts';

let on: DatabaseFixture;
let api: ReturnType<typeof apiFunction>;
let ada: Client;

beforeAll(async () => {
  on = await databaseFixture();
  api = apiFunction(on);
  ada = await api.register();
});
afterAll(() => on.close());

const create = (given: object = {}) => ada.ask('POST', '/api/tasks/', { name: 'Task', ...given });
const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString();

test('the answers contain the options of a task', async () => {
  const asked = {
    queue: 'bulk',
    max_retries: 5,
    retry: {
      base_seconds: 1,
      factor: 3,
      cap_seconds: 60,
      jitter: 'none',
      never_retry: ['unexpected_status'],
    },
    limits: { soft_seconds: 5, hard_seconds: 8 },
    unique_key: 'invoice 7',
    on_failure: 'run',
    concurrency_key: 'printer',
    concurrency_limit: 2,
  };
  const { status, body } = await create(asked);
  expect(status).toBe(201);
  expect(body).toMatchObject(asked);
  expect((await ada.ask('GET', `/api/tasks/${body.id}/`)).body).toMatchObject(asked);
  expect(api.woken.at(-1)).toMatchObject({ queue: 'bulk', ids: [body.id] });
});

test('a task on a file has the longer limits that its kind has for files, unless it has its own', async () => {
  const artifact = uuidv7();
  await on.admin`
    insert into artifacts (id, organization_id, name, media_type, bytes, sha256, status, open_until, expires_at)
    values (${artifact}, ${ada.organizationId}, 'x.csv', 'text/csv', 1, ${'0'.repeat(64)}, 'ready', now(), now() + interval '1 day')`;
  const ofFiles = { soft_seconds: 720, hard_seconds: 780 };
  const task = { name: 'File', payload: { artifact } };
  expect(await create(task)).toMatchObject({ status: 201, body: { limits: ofFiles } });
  const own = { soft_seconds: 5, hard_seconds: 8 };
  expect((await create({ ...task, limits: own })).body).toMatchObject({ limits: own });
  const { body: bulk } = await ada.ask('POST', '/api/tasks/bulk/', { tasks: [task, { name: 'Usual' }] });
  const { body: listed } = await ada.ask('GET', `/api/tasks/?batch=${bulk.batch.id}`);
  const limits = listed.results.map((each: { name: string; limits: object }) => [each.name, each.limits]);
  expect(Object.fromEntries(limits)).toEqual({ File: ofFiles, Usual: null });
});

test('a concurrency key without a limit lets one run at a time', async () => {
  expect((await create({ concurrency_key: 'scanner' })).body).toMatchObject({ concurrency_limit: 1 });
});

describe('a unique key', () => {
  test('is refused while an unfinished task has it, with the id of that task, and free afterwards', async () => {
    const { body: first } = await create({ unique_key: 'once' });
    const second = await create({ unique_key: 'once' });
    expect(second).toMatchObject({
      status: 409,
      body: { code: 'unique_key_taken', tasks: [{ id: first.id, unique_key: 'once' }] },
    });
    await ada.ask('POST', `/api/tasks/${first.id}/cancel/`);
    expect((await create({ unique_key: 'once' })).status).toBe(201);
    // The first task has lost its unique key, and cannot run again beside the second one.
    const { body: after } = await ada.ask('GET', '/api/tasks/?limit=1');
    expect(await ada.ask('POST', `/api/tasks/${first.id}/retry/`)).toMatchObject({
      status: 409,
      body: { code: 'unique_key_taken', tasks: [{ id: after.results[0].id, unique_key: 'once' }] },
    });
  });

  test('is refused only for a task of the same organization', async () => {
    const { body: other } = await ada.ask('POST', '/api/organizations/', { name: 'Other' });
    const there = { unique_key: 'both', organization: other.id };
    expect((await create(there)).status).toBe(201);
    const { body: here } = await create({ unique_key: 'both' });
    expect((await create({ unique_key: 'both' })).body.tasks).toEqual([{ id: here.id, unique_key: 'both' }]);
  });

  test('is each organization’s own', async () => {
    const eve = await api.register();
    await create({ unique_key: 'mine' });
    expect((await eve.ask('POST', '/api/tasks/', { name: 'Task', unique_key: 'mine' })).status).toBe(201);
  });
});

describe('another time', () => {
  test('is accepted before the start; a past time means now, and the message is sent', async () => {
    const { body: task } = await create({ scheduled_time: inSeconds(3600) });
    const later = inSeconds(7200);
    expect(await ada.ask('PATCH', `/api/tasks/${task.id}/`, { scheduled_time: later })).toMatchObject({
      status: 200,
      body: { scheduled_time: later, status: 'SCHEDULED', seq: 2 },
    });
    const woken = api.woken.length;
    const past = '2024-01-01T00:00:00.000Z';
    expect((await ada.ask('PATCH', `/api/tasks/${task.id}/`, { scheduled_time: past })).body).toMatchObject({
      scheduled_time: past,
    });
    expect(api.woken.slice(woken)).toMatchObject([{ ids: [task.id], delaySeconds: 0 }]);
    // Watchers get a frame for each change.
    const heard = api.announced.filter(({ id }) => id === task.id).map(({ seq }) => seq);
    expect(heard).toEqual([2, 3]);
    const claim = await store.claim(on.as('worker'), { ids: [task.id], leaseSeconds: 30, soonSeconds: 0 });
    expect(claim.claimed).toHaveLength(1);
  });

  test('cannot be set by a viewer', async () => {
    const [bob, eve] = [await api.register(), await api.register()];
    const { body: task } = await bob.ask('POST', '/api/tasks/', { name: 'Task' });
    await on.join({ userId: eve.userId, sessionId: '' }, bob.organizationId, 'viewer');
    const answer = await eve.ask('PATCH', `/api/tasks/${task.id}/`, { scheduled_time: inSeconds(60) });
    expect(answer).toMatchObject({ status: 403, body: { code: 'role_insufficient' } });
  });

  test('that is later makes an earlier message harmless', async () => {
    const { body: task } = await create();
    await ada.ask('PATCH', `/api/tasks/${task.id}/`, { scheduled_time: inSeconds(600) });
    expect(await store.claim(on.as('worker'), { ids: [task.id], leaseSeconds: 30, soonSeconds: 2 })).toEqual({
      claimed: [],
      unclaimed: [],
      vacated: [],
    });
  });

  for (const status of ['RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED'] as const) {
    test(`is refused when the task is ${status}`, async () => {
      const { body: task } = await create();
      await force(on.admin, task.id, status);
      expect(
        await ada.ask('PATCH', `/api/tasks/${task.id}/`, { scheduled_time: inSeconds(60) }),
      ).toMatchObject({
        status: 409,
        body: { code: 'task_not_reschedulable', task_status: status },
      });
    });
  }
});

describe('the attempts of a task', () => {
  test('have their times, cause, duration, error and the delay that followed', async () => {
    const worker = on.as('worker');
    const { body: task } = await create({ max_retries: 2 });
    const attempts = async () => (await ada.ask('GET', `/api/tasks/${task.id}/attempts/`)).body.results;
    expect(await attempts()).toEqual([]);
    await store.claim(worker, { ids: [task.id], leaseSeconds: 30, soonSeconds: 0 });
    expect(await attempts()).toMatchObject([
      { attempt: 1, outcome: 'running', cause: 'created', finished_at: null },
    ]);
    const error = { code: 'boom', message: 'It went wrong' };
    const logs = [{ at: new Date().toISOString(), level: 'info', message: 'hello' } as const];
    await store.settle(
      worker,
      [{ id: task.id, attempt: 1, kind: 'retry', error, delaySeconds: 0, logs }],
      DISPATCH,
    );
    await store.claim(worker, { ids: [task.id], leaseSeconds: 30, soonSeconds: 0 });
    await store.settle(worker, [{ id: task.id, attempt: 2, kind: 'complete', result: 1 }], DISPATCH);
    expect(await attempts()).toMatchObject([
      {
        attempt: 2,
        outcome: 'completed',
        cause: 'retry',
        error: null,
        next_attempt_in_seconds: null,
        logs: [],
      },
      { attempt: 1, outcome: 'retried', cause: 'created', error, next_attempt_in_seconds: 0, logs },
    ]);
    for (const { late_seconds, duration_seconds } of await attempts()) {
      expect(late_seconds).toBeGreaterThanOrEqual(0);
      expect(duration_seconds).toBeGreaterThanOrEqual(0);
    }
    const first = await ada.ask('GET', `/api/tasks/${task.id}/attempts/?limit=1`);
    expect(first.body).toMatchObject({ results: [{ attempt: 2 }], next_cursor: '2' });
    const rest = await ada.ask('GET', `/api/tasks/${task.id}/attempts/?cursor=${first.body.next_cursor}`);
    expect(rest.body).toMatchObject({ results: [{ attempt: 1 }], next_cursor: null });
  });

  test('cannot be seen from another organization', async () => {
    const eve = await api.register();
    const { body: task } = await create();
    expect((await eve.ask('GET', `/api/tasks/${task.id}/attempts/`)).status).toBe(404);
  });
});

test('a result that is too large for the row has a download URL', async () => {
  const { body: task } = await create();
  const artifact = { key: `results/${ada.organizationId}/${task.id}/1.json`, bytes: 300_000 };
  await store.claim(on.as('worker'), { ids: [task.id], leaseSeconds: 30, soonSeconds: 0 });
  await store.settle(
    on.as('worker'),
    [{ id: task.id, attempt: 1, kind: 'complete', result: null, artifact }],
    DISPATCH,
  );
  const link = { result: null, result_url: `https://s3.example.com/${artifact.key}?as=${task.id}.json` };
  expect((await ada.ask('GET', `/api/tasks/${task.id}/`)).body).toMatchObject({
    ...link,
    result_bytes: 300_000,
  });
  expect((await ada.ask('GET', `/api/tasks/${task.id}/status/`)).body).toMatchObject(link);
  const eve = await api.register();
  expect((await eve.ask('GET', `/api/tasks/${task.id}/`)).status).toBe(404);
});

describe('why a task has not run yet', () => {
  const reason = async (id: string) => (await ada.ask('GET', `/api/tasks/${id}/`)).body.waiting;

  test('it is scheduled for later', async () => {
    const { body: task } = await create({ scheduled_time: inSeconds(10_700) });
    expect(await reason(task.id)).toMatchObject({
      code: 'scheduled',
      message: expect.stringContaining('in 2 hours'),
    });
  });

  test('its kind is paused, with the user, until it is resumed', async () => {
    const { body: task } = await create();
    await ada.ask('POST', '/api/pauses/', { kind: 'data.process' });
    await store.claim(on.as('worker'), { ids: [task.id], leaseSeconds: 30, soonSeconds: 0 });
    const { body: me } = await ada.ask('GET', `/api/organizations/${ada.organizationId}/members/`);
    expect(await reason(task.id)).toMatchObject({
      code: 'paused',
      message: expect.stringContaining(
        `The kind data.process has been paused by ${me.results[0].username} since`,
      ),
    });
    const woken = api.woken.length;
    expect((await ada.ask('DELETE', '/api/pauses/kind/data.process/')).status).toBe(204);
    expect(api.woken.slice(woken).flatMap(({ ids }) => ids)).toContain(task.id);
    expect(await reason(task.id)).toMatchObject({ code: 'queued' });
  });

  test('its concurrency key is full', async () => {
    const [{ body: one }, { body: other }] = [
      await create({ concurrency_key: 'oven' }),
      await create({ concurrency_key: 'oven' }),
    ];
    await store.claim(on.as('worker'), { ids: [one.id, other.id], leaseSeconds: 30, soonSeconds: 0 });
    const [running, waiting] = (await reason(one.id)) === null ? [one, other] : [other, one];
    expect(await reason(running.id)).toBeNull();
    expect(await reason(waiting.id)).toEqual({
      code: 'concurrency_key_full',
      message: '1 task with the concurrency key oven runs, and at most 1 may at once',
    });
  });

  test('its last attempt failed', async () => {
    const { body: task } = await create({ max_retries: 3 });
    await store.claim(on.as('worker'), { ids: [task.id], leaseSeconds: 30, soonSeconds: 0 });
    const error = { code: 'boom', message: 'It went wrong' };
    await store.settle(
      on.as('worker'),
      [{ id: task.id, attempt: 1, kind: 'retry', error, delaySeconds: 119 }],
      DISPATCH,
    );
    expect(await reason(task.id)).toMatchObject({
      code: 'retry_scheduled',
      message: expect.stringMatching(
        /^Attempt 1 did not succeed \(3 of 3 retries left\): boom, It went wrong\. .* in 1 minute$/,
      ),
    });
  });

  test('it has ended', async () => {
    const { body: task } = await create();
    await ada.ask('POST', `/api/tasks/${task.id}/cancel/`);
    expect(await reason(task.id)).toBeNull();
  });
});

describe('pauses', () => {
  test('are listed, and a second one changes nothing', async () => {
    const first = await ada.ask('POST', '/api/pauses/', { queue: 'bulk' });
    const again = await ada.ask('POST', '/api/pauses/', { queue: 'bulk' });
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.body).toEqual(first.body);
    expect((await ada.ask('GET', '/api/pauses/')).body.results).toEqual([first.body]);
    expect((await ada.ask('DELETE', '/api/pauses/queue/bulk/')).status).toBe(204);
    expect(await ada.ask('DELETE', '/api/pauses/queue/bulk/')).toMatchObject({
      status: 404,
      body: { code: 'pause_not_found' },
    });
  });

  test('hold for one organization, and cannot be seen from outside', async () => {
    const bob = await api.register();
    const { body: team } = await bob.ask('POST', '/api/organizations/', { name: 'Team' });
    for (const organization of [bob.organizationId, team.id])
      await bob.ask('POST', '/api/pauses/', { queue: 'bulk', organization });
    const paused = async (organization: string) =>
      (await bob.ask('GET', `/api/pauses/?organization=${organization}`)).body.results;
    expect(await paused(team.id)).toMatchObject([{ organization: team.id }]);
    expect((await bob.ask('DELETE', `/api/pauses/queue/bulk/?organization=${team.id}`)).status).toBe(204);
    expect([await paused(team.id), await paused(bob.organizationId)]).toMatchObject([[], [{ name: 'bulk' }]]);
    expect((await ada.ask('GET', `/api/pauses/?organization=${team.id}`)).status).toBe(404);
  });

  test('are created and ended by administrators only', async () => {
    const { body: team } = await ada.ask('POST', '/api/organizations/', { name: 'Team' });
    const bob = await api.register();
    await on.join({ userId: bob.userId, sessionId: '' }, team.id, 'member');
    expect((await bob.ask('POST', '/api/pauses/', { queue: 'bulk', organization: team.id })).status).toBe(
      403,
    );
    await ada.ask('POST', '/api/pauses/', { queue: 'bulk', organization: team.id });
    expect((await bob.ask('DELETE', `/api/pauses/queue/bulk/?organization=${team.id}`)).status).toBe(403);
    expect((await bob.ask('GET', `/api/pauses/?organization=${team.id}`)).body.results).toHaveLength(1);
  });
});

test('an organization’s bounds are changed and returned', async () => {
  const path = `/api/organizations/${ada.organizationId}/`;
  expect((await ada.ask('GET', path)).body).toMatchObject({ max_running: null, retention_days: 30 });
  const changed = await ada.ask('PATCH', path, { max_running: 3, retention_days: 7 });
  expect(changed.body).toMatchObject({ max_running: 3, retention_days: 7 });
  expect((await ada.ask('PATCH', path, { max_running: null })).body).toMatchObject({
    max_running: null,
    retention_days: 7,
  });
});

test('a higher bound of an organization starts tasks that are held, at once', async () => {
  const bob = await api.register();
  const path = `/api/organizations/${bob.organizationId}/`;
  await bob.ask('PATCH', path, { max_running: 1 });
  const { body } = await bob.ask('POST', '/api/tasks/bulk/', {
    tasks: [{ name: 'a' }, { name: 'b' }, { name: 'c' }],
  });
  const rows = await on.admin`select id from tasks where batch_id = ${body.batch.id} order by id`;
  const ids = rows.map(({ id }) => String(id));
  await store.claim(on.as('worker'), { ids, leaseSeconds: 3_600, soonSeconds: 0 });
  api.woken.length = 0;
  await bob.ask('PATCH', path, { max_running: 2 });
  expect(api.woken.flatMap((wakeUp) => [...wakeUp.ids])).toEqual(ids.slice(1, 2));
});
