import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { freePort } from '../free-port.ts';
import { connectRedis } from '../redis-client.ts';
import { register, watch } from './client.ts';

/*
 * `npm run start:localstack`, as a user types it.
 */

const REPOSITORY = resolve(import.meta.dirname, '../..');

let dataDir: string;
let ports: { PORT: string; WS_PORT: string };
let npm: ChildProcess | undefined;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'celeriac-start-localstack-'));
  ports = { PORT: String(await freePort()), WS_PORT: String(await freePort()) };
});

afterAll(async () => {
  if (npm) await stop(npm, 'SIGKILL');
  await rm(dataDir, { recursive: true, force: true });
});

/** Starts it in a process group of its own, until it is ready or has ended. */
async function start(extra: Record<string, string> = {}): Promise<{ child: ChildProcess; output: string }> {
  const { aws, redis, postgres } = inject('emulators');
  const addresses = { AWS_ENDPOINT_URL: `${aws}/`, REDIS_URL: redis, POSTGRES_URL: postgres };
  const child = spawn('npm', ['run', 'start:localstack'], {
    cwd: REPOSITORY,
    detached: true,
    env: { ...process.env, ...ports, ...addresses, DATA_DIR: dataDir, ...extra },
  });
  let output = '';
  await new Promise<void>((done) => {
    const read = (chunk: Buffer) => {
      output += chunk;
      if (output.includes('Celeriac is ready')) done();
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('exit', () => done());
  });
  return { child, output };
}

/** Signals the whole group and waits until nobody of it is left. */
async function stop({ pid = 0 }: ChildProcess, signal: NodeJS.Signals): Promise<void> {
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

test('walks the seed, is killed with -9 with a client connected, starts again, and leaves no gateway behind', async () => {
  const redis = await connectRedis(inject('emulators').redis);
  const known = () => redis.sCard('celeriac:gateways');
  const first = await start();
  npm = first.child;
  expect(first.output).toContain('Celeriac is ready');
  expect(await known()).toBe(2);
  await walk();
  await stop(npm, 'SIGKILL');

  const second = await start();
  npm = second.child;
  expect(second.output).toContain('Celeriac is ready');
  // The new ones have buried the old ones, and what they held.
  await expect.poll(known, { timeout: 20_000 }).toBe(2);
  expect(await redis.keys('celeriac:connection:*')).toEqual([]);
  (await walk()).close();
  await stop(npm, 'SIGTERM');
  npm = undefined;
  expect(await redis.keys('celeriac:gateway*')).toEqual([]);
  redis.destroy();
}, 120_000);

test('says in one line what is wrong with its settings', async () => {
  const { output } = await start({ GATEWAYS: 'many' });
  expect(output).toContain('Celeriac cannot start: GATEWAYS must be a number from 1 to 16, not "many"');
});
