import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { register, type User } from '../end-to-end/client.ts';
import { type Runtime, startRuntime } from '../runtime.ts';

/*
 * One request to this system must not become thousands of requests to another server.
 */

const TASKS = 100;
const SECONDS = 20;

/** Bounds for the requests of one organization to one host. */
const PER_SECOND = 20;
const AT_ONCE = 40;

let directory: string;
let runtime: Runtime;
let user: User;
let servers: Server[];
const hits = { failing: 0, redirecting: 0, agents: new Set<string>() };

/** Starts a server that counts its requests. @returns its URL, with `host` as a name of this machine */
async function serve(host: string, what: 'failing' | 'redirecting', location = ''): Promise<string> {
  const server = createServer((request, response) => {
    hits[what] += 1;
    hits.agents.add(request.headers['user-agent'] ?? '');
    if (what === 'redirecting') response.writeHead(307, { location }).end();
    else response.writeHead(503).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  servers.push(server);
  return `http://${host}:${(server.address() as AddressInfo).port}/`;
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'celeriac-amplification-'));
  servers = [];
  runtime = await startRuntime({
    dataDir: directory,
    durable: false,
    schedules: false,
    env: { OUTBOUND_LOOPBACK: 'allowed' },
  });
  user = await register(runtime.url);
});

afterAll(async () => {
  await runtime?.stop();
  for (const server of servers) server.close();
  await rm(directory, { recursive: true, force: true });
});

const retry = { base_seconds: 0, cap_seconds: 0, jitter: 'none' };

async function bulk(url: string, maxRetries: number, count = TASKS): Promise<string> {
  const task = { name: 'again', kind: 'http.request', payload: { url }, max_retries: maxRetries, retry };
  const { status, body } = await user.ask('POST', '/api/tasks/bulk/', {
    tasks: Array.from({ length: count }, () => task),
  });
  expect(status).toBe(201);
  return body.batch.id;
}

test('one bulk of 100 tasks that never wait between 100 retries sends a target some hundred requests in 20 s, not 8,315', async () => {
  const url = await serve('127.0.0.1', 'failing');
  const batch = await bulk(url, 100);
  await sleep(SECONDS * 1000);
  const sent = hits.failing;
  // All first attempts and some retries have been sent.
  expect(sent).toBeGreaterThan(TASKS);
  // The bound per host, plus two seconds for requests under way. The shortest retry delays alone would allow 600.
  expect(sent).toBeLessThan(AT_ONCE + PER_SECOND * (SECONDS + 2));
  for (const agent of hits.agents) expect(agent).toMatch(/^Celeriac\/\S+ \(\+http:\/\/localhost:\d+\)$/);
  await user.ask('POST', `/api/batches/${batch}/cancel/`);
});

test('an operator stops a host: what is sent to it ends for good, by redirects too, and nothing arrives any more', async () => {
  const failing = await serve('127.0.0.1', 'failing');
  const redirecting = await serve('localhost', 'redirecting', failing);
  await runtime.invoke('dispatcher', { stopHost: '127.0.0.1', reason: 'Its owner has complained' });
  // No request that was under way arrives later.
  await expect
    .poll(() => user.ask('GET', '/api/tasks/?status=RUNNING').then(({ body }) => body.results))
    .toEqual([]);
  const before = hits.failing;
  for (const url of [failing, redirecting]) {
    const batch = await bulk(url, 100, 10);
    await expect
      .poll(() => user.ask('GET', `/api/batches/${batch}/`).then(({ body }) => body.failed))
      .toBe(10);
    const { body } = await user.ask('GET', `/api/tasks/?batch=${batch}&limit=1`);
    const task = await user.ask('GET', `/api/tasks/${body.results[0].id}/`);
    expect(task.body).toMatchObject({
      attempt: 1,
      error: {
        code: 'host_stopped',
        message: 'The operator of this installation has stopped requests to 127.0.0.1',
      },
    });
  }
  expect(hits.failing).toBe(before);
  expect(hits.redirecting).toBe(10);

  await runtime.invoke('dispatcher', { resumeHost: '127.0.0.1' });
  await bulk(failing, 0, 1);
  await expect.poll(() => hits.failing).toBe(before + 1);
});
