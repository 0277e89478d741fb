import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { register, request, type User, watch, watchFromBefore } from '../../end-to-end/client.ts';

/*
 * The replaced API's walk-through (docs/compatibility.md) with the deployed bundles: through the emulator's HTTP API,
 * WebSocket API and event source mappings, in processes that the emulator starts.
 */

const { endpoint, url, socketUrl } = inject('system');

let ada: User;
let target: Server;
let targetUrl: string;

beforeAll(async () => {
  target = createServer((incoming, answer) => {
    if (incoming.url === '/fail/') answer.writeHead(503).end('not now');
    else setTimeout(() => answer.end('done'), 20_000).unref();
  });
  await new Promise<void>((done) => target.listen(0, '127.0.0.1', done));
  targetUrl = `http://127.0.0.1:${(target.address() as AddressInfo).port}`;
  ada = await register(url);
});

afterAll(() => {
  target?.closeAllConnections();
  target?.close();
});

const EXAMPLE_TASK = {
  name: 'Data Processing Task',
  description: 'Process some data in the background.',
  scheduled_time: '2024-11-20T10:00:00Z',
};

const soon = () => new Date(Date.now() + 2_000).toISOString();
const statusOf = async (id: string): Promise<string> =>
  (await ada.ask('GET', `/api/tasks/${id}/status/`)).body.status;
const ticket = async (): Promise<string> => (await ada.ask('POST', '/api/ws-tickets/')).body.ticket;
const waitFor = { timeout: 30_000, interval: 100 };

test('a token is had by name and password, and schedules, watches and completes a task', async () => {
  const login = await request({
    url,
    method: 'POST',
    path: '/api/token/',
    body: { username: ada.email, password: 'a long enough password' },
  });
  expect(Object.keys(login.body).toSorted()).toEqual(['access', 'refresh']);
  const create: User['create'] = async (task) => {
    const created = await request({
      ...{ url, method: 'POST', path: '/api/tasks/', body: task },
      access: login.body.access,
    });
    expect([created.status, created.body.status]).toEqual([201, 'SCHEDULED']);
    return created.body.id;
  };
  const {
    ids: [id = ''],
    watcher,
  } = await watchFromBefore({ create }, [EXAMPLE_TASK], async ([task]) =>
    watch(`${socketUrl}?ticket=${await ticket()}&task=${task}`),
  );
  const last = await watcher.until((frame) => frame.status === 'COMPLETED');
  expect(last.result).toEqual({ message: 'Data processed successfully' });
  expect(watcher.frames.map((frame) => [frame.status, frame.seq])).toEqual([
    ['SCHEDULED', 1],
    ['RUNNING', 2],
    ['COMPLETED', 3],
  ]);
  watcher.socket.close();
  const status = await ada.ask('GET', `/api/tasks/${id}/status/`);
  expect(status.body).toMatchObject({
    id,
    status: 'COMPLETED',
    result: { message: 'Data processed successfully' },
  });
});

test('a ticket opens one socket, on which many tasks can be watched', async () => {
  const address = `${socketUrl}?ticket=${await ticket()}`;
  const watcher = await watch(address);
  await expect(watch(address)).rejects.toThrow();
  const ids = await Promise.all([1, 2].map(() => ada.create({ ...EXAMPLE_TASK, scheduled_time: soon() })));
  for (const task of ids) watcher.socket.send(JSON.stringify({ action: 'subscribe', task }));
  for (const id of ids) await watcher.until((frame) => frame.id === id && frame.status === 'COMPLETED');
  watcher.socket.close();
});

test('the socket refuses connections without a login, and with a token in the URL', async () => {
  await expect(watch(socketUrl)).rejects.toThrow();
  await expect(watch(`${socketUrl}?token=${ada.access}`)).rejects.toThrow();
});

test('a task is cancelled before its start, and retried', async () => {
  const id = await ada.create({
    ...EXAMPLE_TASK,
    scheduled_time: new Date(Date.now() + 3_600_000).toISOString(),
  });
  expect((await ada.ask('POST', `/api/tasks/${id}/cancel/`)).body.status).toBe('CANCELLED');
  const again = await ada.ask('POST', `/api/tasks/${id}/cancel/`);
  expect(again.body.error).toBe('Task cannot be cancelled in its current state');
  expect((await ada.ask('POST', `/api/tasks/${id}/retry/`)).body.status).toBe('SCHEDULED');
  await expect.poll(() => statusOf(id), waitFor).toBe('COMPLETED');
  expect((await ada.ask('POST', `/api/tasks/${id}/retry/`)).body.error).toBe('Task cannot be retried');
});

test('a task is cancelled while it runs', async () => {
  const id = await ada.create({ name: 'slow', kind: 'http.request', payload: { url: `${targetUrl}/wait/` } });
  await expect.poll(() => statusOf(id), waitFor).toBe('RUNNING');
  const answer = await ada.ask('POST', `/api/tasks/${id}/cancel/`);
  expect([answer.status, answer.body.status]).toEqual([202, 'RUNNING']);
  await expect.poll(() => statusOf(id), waitFor).toBe('CANCELLED');
});

test('a failing task is retried with backoff, by a message with a delay, and its failure is explained', async () => {
  const refused = {
    name: 'always refused',
    kind: 'http.request',
    payload: { url: `${targetUrl}/fail/` },
    max_retries: 1,
  };
  const {
    ids: [id = ''],
    watcher,
  } = await watchFromBefore(ada, [refused], async ([task]) => {
    const watching = await watch(`${socketUrl}?ticket=${await ticket()}`);
    watching.socket.send(JSON.stringify({ action: 'subscribe', task }));
    return watching;
  });
  const between = await watcher.until((frame) => frame.status === 'SCHEDULED' && frame.attempt === 1);
  expect(Date.parse(between.next_attempt_at)).toBeGreaterThanOrEqual(Date.parse(between.updated_at));
  await watcher.until((frame) => frame.status === 'FAILED');
  watcher.socket.close();
  const { body } = await ada.ask('GET', `/api/tasks/${id}/`);
  expect(body).toMatchObject({ status: 'FAILED', attempt: 2, error: { status: 503 } });
  expect(body.error_message).toContain('503');
});

test('the emulator checks every call: one without a signature is refused', async () => {
  expect((await fetch(`${endpoint}/v2/apis`)).status).toBe(403);
});

test('unknown routes and forbidden resources get the same answer as on AWS', async () => {
  expect((await request({ url, method: 'GET', path: '/elsewhere' })).status).toBe(404);
  expect((await request({ url, method: 'GET', path: '/api/tasks/' })).status).toBe(401);
  const eve = await register(url);
  const id = await ada.create(EXAMPLE_TASK);
  expect((await eve.ask('GET', `/api/tasks/${id}/`)).status).toBe(404);
});
