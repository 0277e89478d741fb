import { type ChildProcess, spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { freePort } from '../process/free-port.ts';
import { register, type User } from './client.ts';

/*
 * `npm run dev` on a copy of the checkout: what is saved runs, without a new start.
 */

const REPOSITORY = resolve(import.meta.dirname, '../..');
const COPIED = [
  'bin',
  'lib',
  'functions',
  'console',
  'local',
  'cdk.json',
  'package.json',
  'package-lock.json',
];

const PATIENT = { timeout: 50_000, interval: 50 };

let home: string;
let dev: ChildProcess;
let output = '';
let ada: User;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'celeriac-dev-'));
  for (const name of COPIED) await cp(join(REPOSITORY, name), join(home, name), { recursive: true });
  await symlink(join(REPOSITORY, 'node_modules'), join(home, 'node_modules'));
  const ports = { PORT: String(await freePort()), WS_PORT: String(await freePort()) };
  dev = spawn(process.execPath, ['local/start.ts', '--watch'], {
    cwd: home,
    env: { ...process.env, ...ports, DATA_DIR: join(home, 'data') },
  });
  for (const stream of [dev.stdout, dev.stderr])
    stream?.on('data', (chunk) => {
      output += chunk;
    });
  await vi.waitFor(() => expect(output).toContain('Watching'), { timeout: 100_000, interval: 50 });
  ada = await register(`http://localhost:${ports.PORT}`);
});
afterAll(async () => {
  const ended = new Promise((done) => dev.once('exit', done));
  dev.kill('SIGTERM');
  await ended;
  await rm(home, { recursive: true, force: true });
});

const KIND = 'functions/tasks/kinds/text-shout';

async function save(run: string): Promise<void> {
  await mkdir(join(home, KIND), { recursive: true });
  await writeFile(
    join(home, KIND, 'inline.ts'),
    `import * as z from 'zod';
    import { defineTask } from '../../define-task.ts';
    export default defineTask({
      kind: 'text.shout',
      payload: z.strictObject({ text: z.string() }),
      limits: { soft: '5s', hard: '10s' },
      runs: 'inline',
      run: ${run},
    });`,
  );
}

/** Creates a task of the kind and waits for its result. */
async function shout(): Promise<unknown> {
  const body = { name: 'Shout', kind: 'text.shout', payload: { text: 'hear' } };
  const created = await ada.ask('POST', '/api/tasks/', body);
  if (created.status !== 201) return created.status;
  const path = `/api/tasks/${created.body.id}/`;
  await expect.poll(async () => (await ada.ask('GET', path)).body.status).toBe('COMPLETED');
  return (await ada.ask('GET', path)).body.result;
}

test('a kind that is saved runs, a change of it too, and a fault leaves what was there', async () => {
  expect(await shout()).toBe(400);
  await save('async ({ text }) => ({ said: text.toUpperCase() })');
  await expect.poll(shout, PATIENT).toEqual({ said: 'HEAR' });
  await save("async ({ text }) => ({ said: text + '!' })");
  await expect.poll(shout, PATIENT).toEqual({ said: 'hear!' });
  await save('async ({ text }) => (');
  await expect.poll(() => output, PATIENT).toContain('Unchanged');
  expect(await shout()).toEqual({ said: 'hear!' });
}, 180_000);

test('a migration that fails holds up no other change, and is applied when it was edited', async () => {
  const migrations = join(home, 'functions/database/migrations');
  const journal = JSON.parse(await readFile(join(migrations, 'meta/_journal.json'), 'utf8'));
  const last = journal.entries.at(-1);
  journal.entries.push({ ...last, idx: last.idx + 1, when: last.when + 1, tag: 'dev_only' });
  await writeFile(join(migrations, 'dev_only.sql'), 'create table dev_only (');
  await writeFile(join(migrations, 'meta/_journal.json'), JSON.stringify(journal));
  await expect.poll(() => output, PATIENT).toContain('Unchanged  database');
  const before = output.length;
  await save("async ({ text }) => ({ said: text + '?' })");
  await expect.poll(shout, PATIENT).toEqual({ said: 'hear?' });
  expect(output.slice(before)).not.toContain('migrate (');
  await writeFile(join(migrations, 'dev_only.sql'), 'create table dev_only (id integer)');
  await expect.poll(() => output.slice(before), PATIENT).toContain('migrate (');
}, 180_000);

test('a stack that does not synthesize leaves the system running; once mended, it starts again, with its data', async () => {
  const newestTask = async () => (await ada.ask('GET', '/api/tasks/?limit=1')).body.results[0]?.id;
  await save('async ({ text }) => ({ said: text })');
  const app = join(home, 'bin/celeriac.ts');
  const source = await readFile(app, 'utf8');
  await writeFile(app, 'export const (');
  await expect.poll(() => output, PATIENT).toContain('Unchanged  stack');
  await expect.poll(shout, PATIENT).toEqual({ said: 'hear' });
  const before = await newestTask();
  expect(before).toBeDefined();
  await writeFile(app, source);
  await expect.poll(() => output, PATIENT).toContain('Changed    the stack');
  expect(await newestTask()).toBe(before);
  expect(await shout()).toEqual({ said: 'hear' });
}, 180_000);
