import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { register, type User } from '../../end-to-end/client.ts';
import { type Runtime, startRuntime } from '../../runtime.ts';
import { type Cluster, startCluster } from './cluster.ts';

/*
 * A failover with a real standby. The writer stops and its reader is promoted. For a while the cluster's name still
 * leads to the old writer, which is a reader by then.
 */

let directory: string;
let cluster: Cluster | undefined;
let runtime: Runtime;
let ada: User;
const lines: string[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'celeriac-failover-'));
  runtime = await startRuntime({
    dataDir: join(directory, 'data'),
    schedules: false,
    log: (line) => lines.push(line),
    startDatabase: async ({ dataDir }) => {
      cluster = await startCluster(dataDir);
      return cluster;
    },
  });
  ada = await register(runtime.url);
});

afterAll(async () => {
  await runtime?.stop();
  await rm(directory, { recursive: true, force: true });
});

/** Tries to create a task. */
const create = (name: string, fields: Record<string, unknown> = {}) =>
  ada.ask('POST', '/api/tasks/', { name, ...fields });
const statuses = async (ids: readonly string[]) => {
  const tasks = await Promise.all(ids.map((id) => ada.ask('GET', `/api/tasks/${id}/`)));
  return new Set(tasks.map(({ status, body }) => `${status} ${body.status}`));
};

test('after a failover tasks go on, none is lost, and nothing answers 500', async () => {
  // The tasks become due just after the writer stops.
  const scheduled_time = new Date(Date.now() + 3_000).toISOString();
  const ids: string[] = [];
  for (let n = 0; n < 20; n += 1) ids.push(await ada.create({ name: `Task ${n}`, scheduled_time }));
  const batch = await ada.ask('POST', '/api/tasks/bulk/', {
    tasks: Array.from({ length: 200 }, (_, n) => ({ name: `Row ${n}`, scheduled_time })),
  });
  expect(batch.status).toBe(201);

  await cluster?.failOver();
  // Every sandbox that serves one of these requests connects to a server that is now a reader.
  const meanwhile = await Promise.all(Array.from({ length: 8 }, (_, n) => create(`Meanwhile ${n}`)));
  expect(new Set(meanwhile.map(({ status, body }) => `${status} ${body.code}`))).toEqual(
    new Set(['503 unavailable']),
  );

  cluster?.pointToWriter();
  const after = await Promise.all(Array.from({ length: 40 }, (_, n) => create(`After ${n}`)));
  expect(new Set(after.map(({ status }) => status))).toEqual(new Set([201]));
  ids.push(...after.map(({ body }) => body.id));
  await runtime.invoke('dispatcher');
  const { id: batchId } = batch.body.batch;
  await expect
    .poll(() => statuses(ids), { timeout: 60_000, interval: 500 })
    .toEqual(new Set(['200 COMPLETED']));
  await expect
    .poll(async () => (await ada.ask('GET', `/api/batches/${batchId}/`)).body, {
      timeout: 60_000,
      interval: 500,
    })
    .toMatchObject({ status: 'finished', total: 200, completed: 200 });
});

test('messages of a worker that cannot reach the database come again soon, and not at once', async () => {
  const failures = () => lines.filter((line) => line.startsWith('worker failed')).length;
  const before = failures();
  const sql = postgres(runtime.databaseUrl, { max: 1, onnotice: () => {} });
  await sql`alter role celeriac_worker nologin`;
  await sql`select pg_terminate_backend(pid) from pg_stat_activity where usename = 'celeriac_worker'`;
  const id = await ada.create({ name: 'Waits for the database' });
  await expect.poll(() => failures() - before, { timeout: 60_000 }).toBeGreaterThanOrEqual(2);
  // A loop without a pause would have failed hundreds of times between the two.
  expect(failures() - before).toBeLessThan(5);
  await sql`alter role celeriac_worker login`;
  await sql.end();
  // No dispatcher runs here. The queue alone would show the message again only after an hour and a half.
  await expect
    .poll(() => statuses([id]), { timeout: 90_000, interval: 200 })
    .toEqual(new Set(['200 COMPLETED']));
});
