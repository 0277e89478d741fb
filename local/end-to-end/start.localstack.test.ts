import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, inject, test } from 'vitest';
import { connectRedis } from '../backings/redis/redis-client.ts';
import { freePort } from '../process/free-port.ts';
import { register, watch } from './client.ts';

/*
 * `npm run start:localstack` as a user runs it.
 */

const REPOSITORY = resolve(import.meta.dirname, '../..');

let dataDir: string;
let ports: { PORT: string; WS_PORT: string };
let npm: ChildProcess | undefined;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'celeriac-start-localstack-'));
  ports = { PORT: String(await freePort()), WS_PORT: String(await freePort()) };
});

// Processes that a failed test left running would disturb its repetition.
afterEach(() => stop('SIGKILL'));

afterAll(async () => {
  await rm(dataDir, { recursive: true, force: true });
});

/** Starts the system in its own process group, and waits until it is ready or has ended. */
async function start(extra: Record<string, string> = {}): Promise<string> {
  const { aws, redis, postgres } = inject('emulators');
  const addresses = { AWS_ENDPOINT_URL: `${aws}/`, REDIS_URL: redis, POSTGRES_URL: postgres };
  const child = spawn('npm', ['run', 'start:localstack'], {
    cwd: REPOSITORY,
    detached: true,
    env: { ...process.env, ...ports, ...addresses, DATA_DIR: dataDir, ...extra },
  });
  npm = child;
  let output = '';
  await new Promise<void>((done) => {
    const read = (chunk: Buffer) => {
      output += chunk;
      if (output.includes('Celeriac is ready')) done();
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    // Not `exit`: at that event the last output may not have been read.
    child.once('close', () => done());
  });
  return output;
}

/** Signals the whole group, if there is one, and waits until no process of it is left. */
async function stop(signal: NodeJS.Signals): Promise<void> {
  const pid = npm?.pid;
  if (pid === undefined) return;
  const signalled = (name: NodeJS.Signals | 0) => {
    try {
      return process.kill(-pid, name);
    } catch {
      return false;
    }
  };
  signalled(signal);
  const deadline = Date.now() + 30_000;
  while (signalled(0)) {
    if (Date.now() > deadline) throw new Error('what was started does not end');
    await sleep(50);
  }
  npm = undefined;
}

const walk = async () => {
  const ada = await register(`http://localhost:${ports.PORT}`);
  const id = await ada.create({ name: 'Data Processing Task' });
  const { until, socket } = await watch(`ws://localhost:${ports.WS_PORT}/ws/tasks/${id}/`, [
    'celeriac',
    ada.access,
  ]);
  await until((frame) => frame.status === 'COMPLETED');
  return socket;
};

test('runs a task, is killed with -9 with a client connected, starts again, and leaves no gateway behind', async () => {
  const redis = await connectRedis(inject('emulators').redis);
  const known = () => redis.sCard('celeriac:gateways');
  expect(await start()).toContain('Celeriac is ready');
  // Gateways that another run left on the list are buried first.
  await expect.poll(known, { timeout: 20_000 }).toBe(2);
  await walk();
  await stop('SIGKILL');

  expect(await start()).toContain('Celeriac is ready');
  // The new gateways have buried the old gateways and their connections.
  await expect.poll(known, { timeout: 20_000 }).toBe(2);
  expect(await redis.keys('celeriac:connection:*')).toEqual([]);
  (await walk()).close();
  await stop('SIGTERM');
  expect(await redis.keys('celeriac:gateway*')).toEqual([]);
  redis.destroy();
}, 120_000);

test('says in one line what is wrong with its settings', async () => {
  expect(await start({ GATEWAYS: 'many' })).toContain(
    'Celeriac cannot start: GATEWAYS must be a number from 1 to 16, not "many"',
  );
});
