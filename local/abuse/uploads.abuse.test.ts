import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MAX_UPLOADS } from '../../functions/tasks/store/index.ts';
import { register, type User } from '../end-to-end/client.ts';
import { type Runtime, startRuntime } from '../runtime.ts';

/*
 * Uploads that consist only of line ends once blocked the event loop of a worker for their whole length, and nothing
 * limited uploads.
 */

/** Bytes of line ends. They took tens of seconds before empty lines were counted. */
const LINE_ENDS = 64_000_000;

let dataDir: string;
let runtime: Runtime;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'celeriac-abuse-'));
  runtime = await startRuntime({ dataDir, durable: false, schedules: false });
});
afterAll(async () => {
  await runtime?.stop();
  await rm(dataDir, { recursive: true, force: true });
});

async function importOf(user: User, format: 'ndjson' | 'csv', content: Buffer): Promise<string> {
  const { body } = await user.ask('POST', '/api/uploads/', { format, bytes: content.length });
  const { url, method, headers, id: upload } = body;
  expect((await fetch(url, { method, headers, body: new Uint8Array(content) })).status).toBe(200);
  return (await user.ask('POST', '/api/batches/import/', { upload, format })).body.task;
}

const ended = (user: User, id: string) =>
  expect.poll(async () => (await user.ask('GET', `/api/tasks/${id}/`)).body, { timeout: 60_000 });

for (const format of ['ndjson', 'csv'] as const) {
  test(`uploads of line ends alone, as ${format}, end early, and an import of another user beside them is made`, async () => {
    const [eve, ada] = [await register(runtime.url), await register(runtime.url)];
    const nothing = Buffer.alloc(LINE_ENDS, '\n');
    const hers = await importOf(eve, format, nothing);
    const line = format === 'csv' ? 'name\nOne\n' : '{"name":"One"}\n';
    const his = await importOf(ada, format, Buffer.from(line));
    await ended(ada, his).toMatchObject({ status: 'COMPLETED', result: { created: 1 } });
    await ended(eve, hers).toMatchObject({ status: 'FAILED', attempt: 1, error: { code: 'too_many_lines' } });
  });
}

test('an organization has so many open addresses and no more, and another one is not concerned', async () => {
  const [eve, ada] = [await register(runtime.url), await register(runtime.url)];
  const address = (user: User) => user.ask('POST', '/api/uploads/', { format: 'csv', bytes: 1 });
  const answers = await Promise.all(Array.from({ length: 2 * MAX_UPLOADS }, () => address(eve)));
  const statuses = Object.groupBy(answers, ({ status }) => status);
  expect([statuses[201]?.length, statuses[409]?.length]).toEqual([MAX_UPLOADS, MAX_UPLOADS]);
  expect(statuses[409]?.[0]?.body).toMatchObject({ code: 'too_many_uploads', limit: MAX_UPLOADS });
  expect((await address(ada)).status).toBe(201);
});
