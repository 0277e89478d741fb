import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ENDLESS, forEver, speaking } from '../../functions/fetch/testing/endless-server.ts';
import { register } from '../end-to-end/client.ts';
import { type Runtime, startRuntime } from '../runtime.ts';

/*
 * Servers whose answers never end, in every part except the body. Four such connections once transferred 16 GB in 12 s.
 */

/** Bytes that one request may cause: its own limit plus the buffers of two sockets. */
const EACH_BYTES = 16_000_000;

let dataDir: string;
let runtime: Runtime;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'celeriac-abuse-'));
  runtime = await startRuntime({
    dataDir,
    durable: false,
    schedules: false,
    env: { OUTBOUND_LOOPBACK: 'allowed' },
  });
});
afterAll(async () => {
  await runtime?.stop();
  await rm(dataDir, { recursive: true, force: true });
});

test('what never ends is cut off, four connections of each kind', async () => {
  const eve = await register(runtime.url);
  const servers = await Promise.all(
    Object.values(ENDLESS).map(([beginning, again]) => speaking(forEver(beginning, again))),
  );
  const ids = await Promise.all(
    servers.flatMap(({ origin }) =>
      Array.from({ length: 4 }, () =>
        eve.create({
          name: 'Endless',
          kind: 'http.request',
          payload: { url: origin, timeout_seconds: 60 },
          max_retries: 0,
        }),
      ),
    ),
  );
  const ended = async () => {
    const { body } = await eve.ask('GET', '/api/tasks/?limit=200&fields=status,error');
    return body.results.filter(
      ({ status }: { status: string }) => status === 'FAILED' || status === 'COMPLETED',
    );
  };
  await expect.poll(async () => (await ended()).length, { timeout: 50_000 }).toBe(ids.length);
  const codes = (await ended()).map(({ error }: { error: { code: string } | null }) => error?.code);
  // Some answers are not HTTP before they are too large. An encoded body is cut off. No request lasted until its
  // timeout.
  expect(new Set(codes)).toEqual(new Set(['network', 'too_large', undefined]));
  for (const { sent } of servers) expect(sent()).toBeLessThan(4 * EACH_BYTES);
});
