import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request as send } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Runtime, startRuntime } from '../runtime.ts';

/*
 * Floods of logins. Each client has its own loopback address: 127.0.0.0/8 has many.
 */

const LIMITS = { LOGINS_PER_ADDRESS: '40', REGISTRATIONS_PER_ADDRESS: '30' };
const PASSWORD = 'a long enough password';

let dataDir: string;
let runtime: Runtime;
/** Requests of the flood that have not ended; the next test waits for them. */
let underWay: Promise<unknown> = Promise.resolve();

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'celeriac-logins-'));
  runtime = await startRuntime({ dataDir, durable: false, schedules: false, env: LIMITS });
});
afterEach(() => underWay);
afterAll(async () => {
  await runtime?.stop();
  await rm(dataDir, { recursive: true, force: true });
});

type Answer = { status: number; body: { code?: string; access?: string; refresh?: string } };

const agent = new Agent({ maxSockets: Number.POSITIVE_INFINITY });

/** Posts from the given local address. */
function post(address: string, path: string, body: object): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { port } = new URL(runtime.url);
    const request = send({
      agent,
      host: '127.0.0.1',
      port,
      localAddress: address,
      method: 'POST',
      path,
      headers: { 'content-type': 'application/json' },
    });
    request.on('response', (response) => {
      text(response).then(
        (json) => resolve({ status: response.statusCode ?? 0, body: JSON.parse(json) }),
        reject,
      );
    });
    request.on('error', reject).end(JSON.stringify(body));
  });
}

async function register(address: string) {
  const email = `${randomUUID()}@example.com`;
  const { status, body } = await post(address, '/api/auth/register/', { email, password: PASSWORD });
  if (status !== 201) throw new Error(`registration answered ${status}: ${JSON.stringify(body)}`);
  return { email, refresh: body.refresh ?? '' };
}

const times = (count: number) => Array.from({ length: count }, (_, index) => index);
const guess = (address: string, username: string) =>
  post(address, '/api/token/', { username, password: 'wrong wrong' });
const count = (answers: readonly Answer[], status: number) =>
  answers.filter((answer) => answer.status === status).length;

test('one address gets as many passwords checked as it may, whatever accounts it tries; others log in', async () => {
  const ada = await register('127.0.0.1');
  const answers = await Promise.all(times(300).map((index) => guess('127.0.1.1', `nobody-${index}`)));
  expect([count(answers, 401), count(answers, 429)]).toEqual([40, 260]);
  expect((await post('127.0.0.1', '/api/token/', { email: ada.email, password: PASSWORD })).status).toBe(200);
});

test('guesses of many addresses at one account do not lock out its owner', async () => {
  const ada = await register('127.0.0.2');
  const answers = await Promise.all(
    times(4).flatMap((address) => times(35).map(() => guess(`127.0.2.${address + 1}`, ada.email))),
  );
  expect([count(answers, 401), count(answers, 429)]).toEqual([80, 60]);
  expect((await post('127.0.0.2', '/api/token/', { email: ada.email, password: PASSWORD })).status).toBe(200);
});

test('whoever is logged in refreshes beside a flood of logins from many addresses', async () => {
  const ada = await register('127.0.0.3');
  let answered = 0;
  const flood = times(60).flatMap((address) =>
    times(5).map(async (index) => {
      await guess(`127.0.3.${address + 1}`, `nobody-${address}-${index}`);
      answered += 1;
    }),
  );
  underWay = Promise.all(flood);
  await expect.poll(() => answered).toBeGreaterThan(0);
  const { status } = await post('127.0.0.3', '/api/auth/refresh/', { refresh: ada.refresh });
  expect(status).toBe(200);
  // The whole flood was sent before this refresh. A refresh that waited behind the flood would be answered last.
  expect(answered).toBeLessThan(flood.length / 2);
});

test('one address makes as many accounts as it may, and others register', async () => {
  const registrations = await Promise.all(
    times(60).map((index) =>
      post('127.0.4.1', '/api/auth/register/', { email: `many-${index}@example.com`, password: PASSWORD }),
    ),
  );
  expect([count(registrations, 201), count(registrations, 429)]).toEqual([30, 30]);
  await register('127.0.4.2');
});
