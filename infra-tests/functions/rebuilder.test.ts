import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Bundles } from '../../lib/bundle.ts';
import { FUNCTION_NAMES } from '../../lib/functions.ts';
import { type Rebuilder, startRebuilder } from '../../lib/rebuilder.ts';
import { temporary } from '../testing/synthesized.ts';

const places = {
  sourceRoot: temporary('functions'),
  consoleRoot: temporary('console'),
  outputRoot: temporary('bundles'),
};

const BROKEN = 'export const handler = (';
const MIGRATION = 'database/migrations/0000_first.sql';
const JOURNAL = 'database/migrations/meta/_journal.json';

/** Writes a source. @returns its path */
function save(path: string, text: string): string {
  const file = join(places.sourceRoot, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

const codeIn = (directory = '') => readFileSync(join(directory, 'index.mjs'), 'utf8');

let rebuilder: Rebuilder;
/** Rebuilds after these sources were saved. @returns the new bundles, and the names of the functions that failed */
const rebuilt = async (...changed: string[]): Promise<[Partial<Bundles>, string[]]> => {
  const { bundles, failed } = await rebuilder.rebuild(changed);
  return [bundles, failed.map(({ name }) => name)];
};

beforeEach(async () => {
  for (const program of [...FUNCTION_NAMES, 'task-runner', 'companions/event-bus', 'companions/mail'])
    save(`handlers/${program}.ts`, `export const handler = '${program}';`);
  save('shared.ts', `export const shared = 'old';`);
  for (const name of ['api', 'worker'])
    save(`handlers/${name}.ts`, `import { shared } from '../shared.ts'; export const handler = shared;`);
  save(MIGRATION, 'select 1;');
  save(JOURNAL, '{}');
  mkdirSync(places.consoleRoot, { recursive: true });
  rebuilder = await startRebuilder(places);
});
afterEach(async () => {
  await rebuilder.dispose();
  rmSync(places.sourceRoot, { recursive: true });
});

test('only functions with a changed bundle are returned, each in a directory of its own', async () => {
  const shared = save('shared.ts', `export const shared = 'new';`);
  const [bundles, failed] = await rebuilt(shared);
  expect([Object.keys(bundles).toSorted(), failed]).toEqual([['api', 'worker'], []]);
  expect(codeIn(bundles.api)).toContain('new');
  expect(codeIn(bundles.worker)).toContain('new');
  save('shared.ts', `export const shared = 'new'; // a comment`);
  expect(await rebuilt(shared)).toEqual([{}, []]);
});

test('a kind that is added, edited or removed makes a new bundle of the worker alone', async () => {
  const kind = save('tasks/kinds/a-kind/run.ts', `export default 'kind';`);
  const runner = save(
    'handlers/task-runner.ts',
    `export const load = () => import('../tasks/kinds/a-kind/run.ts');`,
  );
  const kindIn = ({ worker = '' }: Partial<Bundles>) =>
    readFileSync(join(worker, 'kinds/a-kind.mjs'), 'utf8');
  const [added] = await rebuilt(kind, runner);
  expect(Object.keys(added)).toEqual(['worker']);
  expect(kindIn(added)).toContain('kind');
  save('tasks/kinds/a-kind/run.ts', `export default 'edited';`);
  const [edited] = await rebuilt(kind);
  expect(Object.keys(edited)).toEqual(['worker']);
  expect(kindIn(edited)).toContain('edited');
  rmSync(dirname(kind), { recursive: true });
  save('handlers/task-runner.ts', '');
  const [removed, failed] = await rebuilt(kind, runner);
  expect([Object.keys(removed), failed]).toEqual([['worker'], []]);
  expect(existsSync(join(removed.worker ?? '', 'kinds'))).toBe(false);
});

test('a function that compiles is returned, although one beside it does not', async () => {
  const changed = [save('shared.ts', `export const shared = 'new';`), save('handlers/worker.ts', BROKEN)];
  const [bundles, failed] = await rebuilt(...changed);
  expect([Object.keys(bundles), failed]).toEqual([['api'], ['worker']]);
  expect(codeIn(bundles.api)).toContain('new');
});

test('a function that does not compile is built again at each change, until it compiles', async () => {
  const worker = save('handlers/worker.ts', BROKEN);
  expect(await rebuilt(worker)).toEqual([{}, ['worker']]);
  expect(await rebuilt()).toEqual([{}, ['worker']]);
  save('handlers/worker.ts', `export const handler = 'mended';`);
  const [bundles] = await rebuilt();
  expect(codeIn(bundles.worker)).toContain('mended');
  expect(await rebuilt()).toEqual([{}, []]);
});

test.each([
  ['an edited migration', MIGRATION, 'select 2;'],
  ['an edited journal of the migrations', JOURNAL, '{ "entries": [] }'],
  ['a new migration', 'database/migrations/0001_second.sql', 'select 2;'],
])('%s makes a new bundle of migrate, which contains it', async (_, path, text) => {
  const [bundles] = await rebuilt(save(path, text));
  expect(Object.keys(bundles)).toEqual(['migrate']);
  const copy = path.replace('database/', '');
  expect(readFileSync(join(bundles.migrate ?? '', copy), 'utf8')).toBe(text);
});
