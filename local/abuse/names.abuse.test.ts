import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serveNames } from '../../functions/fetch/testing/name-server.ts';
import { serve } from '../../functions/fetch/testing/server.ts';
import { register } from '../end-to-end/client.ts';
import { freePort } from '../process/free-port.ts';
import { type Runtime, startRuntime } from '../runtime.ts';

/*
 * One user's tasks ask for 80 host names whose name server never answers. `dns.lookup` has four threads, and each waits
 * 20 s. Another user's request once timed out behind them.
 */

let dataDir: string;
let runtime: Runtime;
let nameServerPort: number;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'celeriac-abuse-'));
  nameServerPort = await freePort();
  const env = { OUTBOUND_LOOPBACK: 'allowed', OUTBOUND_NAME_SERVERS: `127.0.0.1:${nameServerPort}` };
  runtime = await startRuntime({ dataDir, durable: false, schedules: false, env });
});
afterAll(async () => {
  await runtime?.stop();
  await rm(dataDir, { recursive: true, force: true });
});

test('80 names that never answer do not make the request of another user fail', async () => {
  const { asked } = await serveNames((name, type) => {
    if (name.startsWith('silent')) return undefined;
    return { records: type === 'A' ? [{ type, value: '127.0.0.1' }] : [] };
  }, nameServerPort);
  const { port } = new URL(await serve((_, response) => response.end('here')));
  const [eve, ada] = [await register(runtime.url), await register(runtime.url)];
  const request = (host: string) => ({
    name: host,
    kind: 'http.request',
    payload: { url: `http://${host}:${port}/`, timeout_seconds: 20 },
    max_retries: 0,
  });
  await Promise.all(Array.from({ length: 80 }, (_, n) => eve.create(request(`silent-${n}.example`))));
  await expect.poll(() => asked.length).toBeGreaterThan(0);
  const id = await ada.create(request('good.example'));
  const outcome = async () => (await ada.ask('GET', `/api/tasks/${id}/`)).body;
  await expect
    .poll(outcome, { timeout: 60_000 })
    .toMatchObject({ status: 'COMPLETED', result: { status: 200 } });
  // Her tasks fail by themselves, each on its own host name.
  const failed = async () =>
    (await eve.ask('GET', '/api/tasks/?status=FAILED&limit=100&fields=error')).body.results;
  await expect.poll(async () => (await failed()).length, { timeout: 60_000 }).toBe(80);
  for (const { error } of await failed()) expect(['dns', 'timeout']).toContain(error.code);
});
