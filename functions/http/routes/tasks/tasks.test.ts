import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DatabaseFixture, databaseFixture } from '../../../database/testing/database-fixture.ts';
import { force } from '../../../tasks/verification/fixtures.ts';
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

const EXAMPLE_TASK = {
  name: 'Data Processing Task',
  description: 'Process some data in the background.',
  scheduled_time: '2024-11-20T10:00:00Z',
};

async function create(given: Record<string, unknown> = {}): Promise<string> {
  const { status, body } = await ada.ask('POST', '/api/tasks/', { ...EXAMPLE_TASK, ...given });
  expect(status).toBe(201);
  return body.id;
}

describe("the replaced API's requests work as they are (docs/compatibility.md)", () => {
  test('the three fields create a task that is due at once, and its message is sent', async () => {
    const { status, body, headers } = await ada.ask('POST', '/api/tasks/', EXAMPLE_TASK);
    expect(status).toBe(201);
    expect(body).toMatchObject({
      ...EXAMPLE_TASK,
      scheduled_time: '2024-11-20T10:00:00.000Z',
      status: 'SCHEDULED',
      result: null,
      error_message: null,
      kind: 'data.process',
      max_retries: 3,
      attempt: 0,
      organization: ada.organizationId,
    });
    expect(headers.get('location')).toBe(`/api/tasks/${body.id}/`);
    expect(api.woken.at(-1)).toEqual({
      organizationId: ada.organizationId,
      queue: 'interactive',
      delaySeconds: 0,
      ids: [body.id],
    });
  });

  for (const slash of ['', '/']) {
    test(`every path works ${slash ? 'with' : 'without'} the trailing slash`, async () => {
      const { body } = await ada.ask('POST', `/api/tasks${slash}`, EXAMPLE_TASK);
      const id = body.id;
      expect((await ada.ask('GET', `/api/tasks${slash}`)).status).toBe(200);
      expect((await ada.ask('GET', `/api/tasks/${id}${slash}`)).body).toMatchObject({ id, payload: {} });
      expect((await ada.ask('GET', `/api/tasks/${id}/status${slash}`)).body).toMatchObject({
        id,
        status: 'SCHEDULED',
      });
      expect((await ada.ask('POST', `/api/tasks/${id}/cancel${slash}`)).body).toMatchObject({
        status: 'CANCELLED',
      });
      expect((await ada.ask('POST', `/api/tasks/${id}/retry${slash}`)).body).toMatchObject({
        status: 'SCHEDULED',
      });
    });
  }

  test('a task far ahead gets no message from the request that creates it', async () => {
    const before = api.woken.length;
    await create({ scheduled_time: new Date(Date.now() + 86_400_000).toISOString() });
    expect(api.woken.length).toBe(before);
  });

  test('a task due within the look-ahead gets its message with a delay, rounded down', async () => {
    const due = Date.now() + 60_900;
    const wholeSecondsLeft = (now: number) => Math.floor((due - now) / 1000);
    const before = Date.now();
    await create({ scheduled_time: new Date(due).toISOString() });
    // The delay is right for some moment of the request, however long the request took.
    const delay = api.woken.at(-1)?.delaySeconds;
    expect(delay).toBeLessThanOrEqual(wholeSecondsLeft(before));
    expect(delay).toBeGreaterThanOrEqual(wholeSecondsLeft(Date.now() + 1));
  });
});

describe('while the queue is down', () => {
  test('a task is accepted all the same, and the next tick of the dispatcher sends it', async () => {
    api.queue.isDown = true;
    try {
      const id = await create();
      await ada.ask('POST', `/api/tasks/${id}/cancel/`);
      expect((await ada.ask('POST', `/api/tasks/${id}/retry/`)).status).toBe(200);
      for (const task of [id, await create()]) {
        const [row] = await on.admin`select next_dispatch_at <= now() as due from tasks where id = ${task}`;
        expect(row?.due).toBe(true);
      }
    } finally {
      api.queue.isDown = false;
    }
  });
});

describe('a change in a wrong state is refused in the words of the replaced API', () => {
  for (const status of ['COMPLETED', 'FAILED', 'CANCELLED'] as const) {
    test(`cancelling a ${status} task`, async () => {
      const id = await create();
      await force(on.admin, id, status);
      const answer = await ada.ask('POST', `/api/tasks/${id}/cancel/`);
      expect(answer.status).toBe(409);
      expect(answer.headers.get('content-type')).toBe('application/problem+json');
      expect(answer.body).toMatchObject({
        code: 'task_not_cancellable',
        error: 'Task cannot be cancelled in its current state',
        task_status: status,
      });
    });
  }

  for (const status of ['PENDING', 'SCHEDULED', 'RUNNING', 'COMPLETED'] as const) {
    test(`retrying a ${status} task`, async () => {
      const id = await create();
      await force(on.admin, id, status);
      const answer = await ada.ask('POST', `/api/tasks/${id}/retry/`);
      expect([answer.status, answer.body.error]).toEqual([409, 'Task cannot be retried']);
    });
  }

  test('cancelling a running task asks it to stop, and says so', async () => {
    const id = await create();
    await force(on.admin, id, 'RUNNING');
    const answer = await ada.ask('POST', `/api/tasks/${id}/cancel/`);
    expect([answer.status, answer.body.status, answer.body.message]).toEqual([
      202,
      'RUNNING',
      'Task is running; it was asked to stop',
    ]);
  });
});

describe('the list', () => {
  test('is newest first, and its cursor neither skips nor repeats while tasks are added', async () => {
    const reader = await api.register();
    const made: string[] = [];
    const add = async () => made.push((await reader.ask('POST', '/api/tasks/', EXAMPLE_TASK)).body.id);
    for (let i = 0; i < 7; i += 1) await add();
    const expected = made.toReversed();
    const seen: string[] = [];
    for (let cursor: unknown = '', page = 0; cursor !== null; page += 1) {
      const { body } = await reader.ask('GET', `/api/tasks/?limit=3${cursor ? `&cursor=${cursor}` : ''}`);
      seen.push(...body.results.map((task: { id: string }) => task.id));
      cursor = body.next_cursor;
      if (page === 0) await add();
    }
    expect(seen).toEqual(expected);
  });

  test('filters by status, kind and time', async () => {
    const reader = await api.register();
    const post = async (given: object) =>
      (await reader.ask('POST', '/api/tasks/', { ...EXAMPLE_TASK, ...given })).body.id;
    const now = await post({});
    const later = await post({ scheduled_time: '2026-12-24T10:00:00+01:00' });
    const http = await post({ kind: 'http.request', payload: { url: 'https://example.com/' } });
    await reader.ask('POST', `/api/tasks/${now}/cancel/`);
    const ids = async (query: string) =>
      ((await reader.ask('GET', `/api/tasks/?${query}`)).body.results as { id: string }[]).map(
        (task) => task.id,
      );
    expect(await ids('status=CANCELLED')).toEqual([now]);
    expect(await ids('status=CANCELLED,SCHEDULED')).toEqual([http, later, now]);
    expect(await ids('kind=http.request')).toEqual([http]);
    expect(await ids('scheduled_from=2026-12-24T09:00:00Z')).toEqual([later]);
    expect(await ids('scheduled_to=2026-12-24T09:00:00Z')).toEqual([http, now]);
    expect(await ids(`created_from=${new Date(Date.now() + 3_600_000).toISOString()}`)).toEqual([]);
    expect(await ids('created_by=me')).toHaveLength(3);
  });
});

describe('in another organization', () => {
  test('a member schedules tasks, a viewer only reads them, and a stranger gets "not found"', async () => {
    const [owner, member, viewer, stranger] = await Promise.all([1, 2, 3, 4].map(() => api.register()));
    const { body } = await (owner as Client).ask('POST', '/api/organizations/', { name: 'Lab' });
    const organization = body.id;
    await on.join({ userId: (member as Client).userId, sessionId: '' }, organization, 'member');
    await on.join({ userId: (viewer as Client).userId, sessionId: '' }, organization, 'viewer');
    const made = await (member as Client).ask('POST', '/api/tasks/', { ...EXAMPLE_TASK, organization });
    expect([made.status, made.body.organization]).toEqual([201, organization]);
    const path = `/api/tasks/${made.body.id}/`;
    const statuses = async (who: Client | undefined) => [
      (await (who as Client).ask('GET', path)).status,
      (await (who as Client).ask('POST', '/api/tasks/', { ...EXAMPLE_TASK, organization })).status,
      (await (who as Client).ask('POST', `${path}cancel/`)).status,
    ];
    expect(await statuses(viewer)).toEqual([200, 403, 403]);
    expect(await statuses(stranger)).toEqual([404, 404, 404]);
    expect(await statuses(owner)).toEqual([200, 201, 200]);
  });
});

test('unknown ids, and ids of others, answer alike', async () => {
  const stranger = await api.register();
  const id = await create();
  for (const [method, suffix] of [
    ['GET', ''],
    ['GET', 'status/'],
    ['POST', 'cancel/'],
    ['POST', 'retry/'],
  ] as const) {
    const foreign = await stranger.ask(method, `/api/tasks/${id}/${suffix}`);
    const unknown = await stranger.ask(method, `/api/tasks/${randomUUID()}/${suffix}`);
    expect(foreign.status).toBe(404);
    expect(foreign.body).toEqual(unknown.body);
  }
});

test('the API is described: every task route is in the OpenAPI document, and the page for people loads nothing', async () => {
  const { status, body } = await api.anonymous('GET', '/api/openapi.json');
  expect(status).toBe(200);
  expect(body.openapi).toBe('3.1.0');
  expect(Object.keys(body.paths)).toEqual(
    expect.arrayContaining([
      '/api/tasks',
      '/api/tasks/{taskId}',
      '/api/tasks/{taskId}/status',
      '/api/tasks/{taskId}/cancel',
      '/api/tasks/{taskId}/retry',
    ]),
  );
  const page = await api.app.request('/api/docs');
  expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
  expect(await page.text()).toContain('/api/tasks/{taskId}/cancel');
});

test('without a token only the documentation is open', async () => {
  for (const path of ['/api/tasks/', `/api/tasks/${randomUUID()}/`, '/api/organizations/', '/api/nothing']) {
    const answer = await api.anonymous('GET', path);
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
  }
});
