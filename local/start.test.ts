import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from './process/free-port.ts';

let dataDir: string;
let ports: { PORT: string; WS_PORT: string };
const children: ChildProcess[] = [];

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'celeriac-start-'));
  ports = { PORT: String(await freePort()), WS_PORT: String(await freePort()) };
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await rm(dataDir, { recursive: true, force: true });
});

/** Runs the command until it is ready or has ended. */
async function start(env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'start.ts')], {
    env: { PATH: process.env.PATH ?? '', ...ports, DATA_DIR: dataDir, ...env },
  });
  children.push(child);
  let output = '';
  // Not `exit`: at that event the last output may not have been read.
  const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
  const ready = new Promise<'ready'>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        output += chunk;
        if (output.includes('Celeriac is ready')) resolve('ready');
      });
    }
  });
  const how = await Promise.race([ready, ended]);
  return { child, ended, how, output: () => output };
}

const keys = async () => (await fetch(`http://localhost:${ports.PORT}/.well-known/jwks.json`)).text();

test('it starts, goes on after a kill -9 with what it had, and ends at SIGTERM', {
  timeout: 300_000,
}, async () => {
  const first = await start();
  expect(first.how, first.output()).toBe('ready');
  expect(first.output()).toContain(`http://localhost:${ports.PORT}/`);
  const before = await keys();
  expect(JSON.parse(before).keys).toHaveLength(1);

  const rival = await start({ PORT: String(await freePort()), WS_PORT: String(await freePort()) });
  expect(rival.how).toBe(1);
  expect(rival.output()).toContain('another Celeriac uses the data directory');

  first.child.kill('SIGKILL');
  await first.ended;
  const second = await start();
  expect(second.how, second.output()).toBe('ready');
  expect(await keys()).toBe(before);
  second.child.kill('SIGTERM');
  expect(await second.ended).toBe(0);
});

test('a port in use is one clear line and a failure', { timeout: 120_000 }, async () => {
  const other = createServer();
  await new Promise<void>((done) => other.listen(Number(ports.WS_PORT), '127.0.0.1', done));
  const refused = await start();
  other.close();
  expect(refused.how).toBe(1);
  expect(refused.output()).toMatch(/^Celeriac cannot start: port \d+ is in use: .*\n$/);
});

for (const [what, variables] of [
  ['a data directory below a file', async () => ({ DATA_DIR: join(await aFile(), 'data') })],
  ['a data directory that nobody can make', async () => ({ DATA_DIR: '/proc/celeriac' })],
  ['a port that is no number', async () => ({ PORT: 'http' })],
] as const) {
  test(`${what} is one clear line and a failure`, async () => {
    const refused = await start(await variables());
    expect(refused.how).toBe(1);
    expect(refused.output()).toMatch(/^Celeriac cannot start: .*\n$/);
  });
}

async function aFile(): Promise<string> {
  const path = join(dataDir, 'a-file');
  await writeFile(path, '');
  return path;
}
