import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Runtime, startRuntime } from '../runtime.ts';
import { synthesizedAssembly } from '../template/synthesize.ts';
import { register, type User } from './client.ts';

/*
 * A task that kills its worker every time. The stack is as deployed, except for a shorter visibility timeout.
 */

let directory: string;
let runtime: Runtime;
let sql: postgres.Sql;
let killer: Server;
let killerUrl: string;
let ada: User;
let kills = 0;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'celeriac-crash-'));
  const assembly = join(directory, 'assembly');
  await cp(await synthesizedAssembly(() => {}), assembly, { recursive: true });
  await shortenVisibility(assembly, 3);
  killer = createServer(async (_incoming, answer) => {
    kills += 1;
    for (const pid of await sandboxesOf('celeriac-dev-worker')) kill(pid);
    answer.destroy();
  });
  await new Promise<void>((resolve) => killer.listen(0, '127.0.0.1', resolve));
  killerUrl = `http://127.0.0.1:${(killer.address() as AddressInfo).port}/`;
  runtime = await startRuntime({
    dataDir: join(directory, 'data'),
    assembly,
    durable: false,
    schedules: false,
    env: { OUTBOUND_LOOPBACK: 'allowed', LEASE_SECONDS: '1' },
  });
  sql = postgres(runtime.databaseUrl, { max: 1, onnotice: () => {} });
  ada = await register(runtime.url);
}, 120_000);

afterAll(async () => {
  await sql?.end();
  await runtime?.stop();
  killer?.close();
  await rm(directory, { recursive: true, force: true });
});

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // The process ended after it was found.
  }
}

/** Returns the pids of a function's sandboxes that this process started. */
async function sandboxesOf(functionName: string): Promise<number[]> {
  const pids: number[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const [commandLine, status] = await Promise.all(
      ['cmdline', 'status'].map((file) => readFile(`/proc/${entry}/${file}`, 'latin1').catch(() => '')),
    );
    const isMine = status?.includes(`\nPPid:\t${process.pid}\n`);
    if (isMine && commandLine?.includes(`\0${functionName}\0`)) pids.push(Number(entry));
  }
  return pids;
}

async function shortenVisibility(assembly: string, seconds: number): Promise<void> {
  const file = join(assembly, 'Celeriac-dev-App.template.json');
  const template = JSON.parse(await readFile(file, 'utf8'));
  for (const { Type, Properties } of Object.values<{ Type: string; Properties: Record<string, unknown> }>(
    template.Resources,
  )) {
    if (Type === 'AWS::SQS::Queue' && Properties.RedrivePolicy) Properties.VisibilityTimeout = seconds;
  }
  await writeFile(file, JSON.stringify(template));
}

async function stateOf(id: string) {
  const [row] =
    await sql`select status, attempt, crashes, error->>'code' as code from tasks where id = ${id}`;
  const ledger = await sql`select attempt, outcome from attempts where task_id = ${id} order by attempt`;
  return { ...row, ledger: ledger.map(({ attempt, outcome }) => `${attempt} ${outcome}`) };
}

test('a task that kills its worker comes back through the queue until its attempts are used up, and fails', async () => {
  const id = await ada.create({
    name: 'poison',
    kind: 'http.request',
    payload: { url: killerUrl },
    max_retries: 1,
  });
  await expect
    .poll(() => stateOf(id), { timeout: 40_000, interval: 200 })
    .toEqual({
      status: 'FAILED',
      attempt: 2,
      crashes: 2,
      code: 'worker_crashed',
      ledger: ['1 crashed', '2 crashed'],
    });
  expect(kills).toBe(2);
  const healthy = await ada.create({ name: 'healthy' });
  await expect
    .poll(async () => (await stateOf(healthy)) as { status?: string }, { timeout: 20_000 })
    .toMatchObject({ status: 'COMPLETED' });
}, 60_000);

test('a message that SQS gives up on ends in the dead-letter queue, whose function records it; the task is not lost', async () => {
  kills = 0;
  const id = await ada.create({
    name: 'poison',
    kind: 'http.request',
    payload: { url: killerUrl },
    max_retries: 20,
  });
  const fiveCrashes = [1, 2, 3, 4, 5].map((attempt) => `${attempt} crashed`);
  await expect
    .poll(() => stateOf(id), { timeout: 60_000, interval: 200 })
    .toEqual({ status: 'SCHEDULED', attempt: 5, crashes: 5, code: 'worker_crashed', ledger: fiveCrashes });
  expect(kills).toBe(5);
  // No message exists for the task any more: the dispatcher sends it again.
  await runtime.invoke('dispatcher');
  await expect.poll(() => kills, { timeout: 20_000 }).toBe(6);
}, 90_000);
