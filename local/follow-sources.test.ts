import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FUNCTION_NAMES } from '../lib/functions.ts';
import { followSources } from './follow-sources.ts';

const BROKEN = 'export const handler = (';
const MIGRATION = 'functions/database/migrations/0000_first.sql';

let root: string;
function save(path: string, text: string): void {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

/** The new code of functions of the running system. */
let code: Record<string, string>;
let log: string[];
/** The migration beside the code of `migrate`, and those that were applied. */
let migration: string;
let migrated: string[];
let isDatabaseAway: boolean;
let restart: () => Promise<void>;
let stop: () => Promise<void>;

/** A running system whose `migrate` fails when a migration does not begin with `select`. */
const runtime = {
  replaceCode: (name: string, bundle: string) => {
    code[name] = readFileSync(join(bundle, 'index.mjs'), 'utf8');
    if (name === 'migrate') migration = readFileSync(join(bundle, 'migrations', '0000_first.sql'), 'utf8');
  },
  invoke: async (name: string) => {
    if (isDatabaseAway) throw new Error('the database is away');
    if (!migration.startsWith('select')) throw new Error(`${name} failed`);
    migrated.push(migration);
  },
};

beforeEach(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'celeriac-sources-')));
  [code, log, migration, migrated, isDatabaseAway] = [{}, [], '', [], false];
  restart = async () => {};
  for (const program of [...FUNCTION_NAMES, 'task-runner', 'companions/event-bus', 'companions/mail'])
    save(`functions/handlers/${program}.ts`, `export const handler = 'old';`);
  save('functions/tasks/kinds/a-kind/run.ts', '');
  save(MIGRATION, 'select 1;');
  for (const folder of ['lib', 'bin', 'console']) mkdirSync(join(root, folder));
  stop = await followSources({
    bundles: join(root, 'bundles'),
    runtime: () => runtime,
    restart: () => restart(),
    log: (line) => void log.push(line),
    root,
  });
});
afterEach(async () => {
  await stop();
  rmSync(root, { recursive: true });
});

const saveHandler = (name: string, text: string) =>
  save(`functions/handlers/${name}.ts`, text === BROKEN ? text : `export const handler = '${text}';`);
const logged = (line: string) => expect.poll(() => log.join('\n')).toContain(line);

test('a saved function gets its new code, although one beside it does not compile', async () => {
  saveHandler('worker', BROKEN);
  await logged('Unchanged  worker');
  saveHandler('api', 'new');
  await logged('Changed    api');
  expect(code.api).toContain('new');
  expect(code.worker).toBeUndefined();
  saveHandler('worker', 'mended');
  await logged('Changed    worker');
  expect(code.worker).toContain('mended');
});

test('a migration that fails holds up no function, and is tried again at each change', async () => {
  isDatabaseAway = true;
  save(MIGRATION, 'select 2;');
  saveHandler('api', 'new');
  await logged('Unchanged  database: the database is away');
  await logged('Changed    api');
  expect(code.api).toContain('new');
  isDatabaseAway = false;
  saveHandler('api', 'newer');
  await logged('migrate');
  expect(migrated).toEqual(['select 2;']);
});

test('a migration that fails is applied when it was edited', async () => {
  save(MIGRATION, 'broken');
  await logged('Unchanged  database: migrate failed');
  save(MIGRATION, 'select 3;');
  await logged('Changed    migrate');
  saveHandler('api', 'new');
  await logged('Changed    api');
  expect(migrated).toEqual(['select 3;']);
});

test('a journal that is saved after its migration is applied', async () => {
  save('functions/database/migrations/meta/_journal.json', '{ "entries": [] }');
  await logged('Changed    migrate');
  expect(migrated).toEqual(['select 1;']);
});

test('a kind whose folder is not complete yet holds up no function', async () => {
  save('functions/tasks/kinds/b-kind/kind.ts', '');
  saveHandler('api', 'new');
  await logged('Unchanged  kinds: functions/tasks/kinds/b-kind: run.ts, inline.ts or wired.ts is missing');
  await logged('Changed    api');
  expect(code.api).toContain('new');
});

test('a stack that cannot start is tried again at the next change', async () => {
  restart = () => Promise.reject(new Error('the stack could not be synthesized'));
  save('lib/stack.ts', '');
  await logged('Unchanged  stack: the stack could not be synthesized');
  restart = async () => {};
  saveHandler('api', 'new');
  await logged('Changed    the stack');
  expect(code.api).toContain('new');
});
