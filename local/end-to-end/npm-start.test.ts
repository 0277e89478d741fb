import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { freePort } from '../process/free-port.ts';
import { register, request, type User, watch } from './client.ts';

/*
 * `npm start` as a user runs it: used, killed with -9 during work, and started again.
 */

const REPOSITORY = resolve(import.meta.dirname, '../..');
const READY_SECONDS = 90;

let dataDir: string;
let ports: { PORT: string; WS_PORT: string };
let target: Server;
let targetUrl: string;
const hits = new Map<string, number>();
/** While true, requests of tasks wait, so that running tasks stay running. */
let isHolding = true;
let npm: ChildProcess | undefined;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'celeriac-npm-start-'));
  ports = { PORT: String(await freePort()), WS_PORT: String(await freePort()) };
  target = createServer((incoming, answer) => {
    const key = String(incoming.headers['idempotency-key']);
    hits.set(key, (hits.get(key) ?? 0) + 1);
    if (isHolding) return;
    setTimeout(() => answer.end('done'), 1_500);
  });
  await new Promise<void>((done) => target.listen(0, '127.0.0.1', done));
  targetUrl = `http://127.0.0.1:${(target.address() as AddressInfo).port}/`;
});

afterAll(async () => {
  if (npm) await stop(npm, 'SIGTERM');
  target.closeAllConnections();
  target.close();
  await rm(dataDir, { recursive: true, force: true });
});

const url = () => `http://localhost:${ports.PORT}`;

/** Starts `npm start` in its own process group and waits until it is ready. */
async function start(extra: Record<string, string> = {}): Promise<{ process: ChildProcess; output: string }> {
  const child = spawn('npm', ['start'], {
    cwd: REPOSITORY,
    detached: true,
    env: {
      ...process.env,
      ...ports,
      DATA_DIR: dataDir,
      OUTBOUND_LOOPBACK: 'allowed',
      PRICE_PROVIDER_URL: targetUrl,
      LEASE_SECONDS: '2',
      DISPATCH_RESEND_SECONDS: '3',
      ...extra,
    },
  });
  let output = '';
  await new Promise<void>((ready, failed) => {
    const timer = setTimeout(
      () => failed(new Error(`not ready in ${READY_SECONDS} s: ${output}`)),
      READY_SECONDS * 1000,
    );
    const read = (chunk: Buffer) => {
      output += chunk;
      if (!output.includes('Celeriac is ready')) return;
      clearTimeout(timer);
      ready();
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    // Not `exit`: at that event the last output may not have been read.
    child.once('close', (code) => {
      clearTimeout(timer);
      failed(new Error(`exit ${code}: ${output}`));
    });
  });
  return { process: child, output };
}

/** Signals the whole group (npm, the runtime and their children), and waits until no process of it is left. */
async function stop({ pid }: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (pid === undefined) return;
  const signalled = (name: NodeJS.Signals | 0) => {
    try {
      return process.kill(-pid, name);
    } catch {
      return false;
    }
  };
  signalled(signal);
  await vi.waitUntil(() => !signalled(0), { timeout: 30_000 });
}

const statuses = async (user: User, ids: readonly string[]) => {
  const all = await Promise.all(ids.map((id) => user.ask('GET', `/api/tasks/${id}/`)));
  return all.map((answer) => answer.body.status as string);
};

test('runs a task, is killed with -9 while tasks run, starts again, and every task is finished exactly once', async () => {
  const first = await start();
  npm = first.process;
  expect(first.output).toContain(`http://localhost:${ports.PORT}/`);
  expect(first.output).toContain(`ws://localhost:${ports.WS_PORT}/ws/tasks/<id>/`);

  const ada = await register(url());
  const walked = await ada.create({
    name: 'Data Processing Task',
    description: 'Process some data in the background.',
    scheduled_time: '2024-11-20T10:00:00Z',
  });
  const watcher = await watch(`ws://localhost:${ports.WS_PORT}/ws/tasks/${walked}/?token=${ada.access}`);
  const last = await watcher.until((frame) => frame.status === 'COMPLETED');
  expect(last.result).toEqual({ message: 'Data processed successfully' });

  const running = await Promise.all(
    Array.from({ length: 30 }, () =>
      ada.create({ name: 'slow', kind: 'http.request', payload: { url: targetUrl } }),
    ),
  );
  const soon = await Promise.all(
    Array.from({ length: 20 }, () =>
      ada.create({ name: 'soon', scheduled_time: new Date(Date.now() + 4_000).toISOString() }),
    ),
  );
  await expect
    .poll(async () => (await statuses(ada, running)).includes('RUNNING'), { timeout: 60_000 })
    .toBe(true);
  await stop(npm, 'SIGKILL');
  isHolding = false;

  npm = (await start()).process;
  const all = [...running, ...soon];
  await expect
    .poll(async () => [...new Set(await statuses(ada, all))], { timeout: 150_000, interval: 500 })
    .toEqual(['COMPLETED']);
  // Each task has one final transition: its last attempt completed, and the earlier attempts crashed with their worker.
  for (const id of all) {
    const { body } = await ada.ask('GET', `/api/tasks/${id}/`);
    const { body: ledger } = await ada.ask('GET', `/api/tasks/${id}/attempts/`);
    const outcomes = ledger.results.map((attempt: { outcome: string }) => attempt.outcome);
    expect(outcomes).toEqual(['completed', ...new Array(body.attempt - 1).fill('crashed')]);
    expect(hits.get(id) ?? 0).toBeLessThanOrEqual(body.attempt);
  }
  expect((await statuses(ada, [walked]))[0]).toBe('COMPLETED');

  await stop(npm, 'SIGTERM');
  // A clean stop also leaves no postmaster.
  expect(existsSync(join(dataDir, 'postgres/cluster/postmaster.pid'))).toBe(false);
  await expect(request({ url: url(), method: 'GET', path: '/api/openapi.json' })).rejects.toThrow();
  npm = undefined;
}, 300_000);

test('says in one line why it cannot start, and exits with an error', async () => {
  const taken = createServer();
  await new Promise<void>((done) => taken.listen(0, '127.0.0.1', done));
  const port = String((taken.address() as AddressInfo).port);
  await expect(start({ PORT: port })).rejects.toThrow(new RegExp(`Celeriac cannot start: [^\n]*${port}`));
  taken.close();
  await expect(start({ PORT: 'x' })).rejects.toThrow('Celeriac cannot start: PORT must be a port number');
  await expect(start({ DATA_DIR: '/proc/celeriac' })).rejects.toThrow(
    /Celeriac cannot start: [^\n]*\/proc\/celeriac/,
  );
}, 60_000);
