import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { kindModules, writeKindRegistry } from '../../lib/kind-registry.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'kinds-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function folder(name: string, ...files: string[]): void {
  mkdirSync(join(root, name));
  for (const file of files) writeFileSync(join(root, name, file), '');
}

test('a folder is in the list of kinds, and in the lists of its handlers', () => {
  folder('b-isolated', 'run.ts', 'helper.ts');
  folder('a-inline', 'kind.ts', 'inline.ts');
  folder('c-mixed', 'kind.ts', 'run.ts', 'inline.ts');
  const modules = kindModules(root);
  const imported = (file: string) =>
    [...(modules[file] ?? '').matchAll(/(?:from |import\()'\.\.\/(.*?)'/g)].map(([, path]) => path);
  expect(imported('kinds.ts')).toEqual(['a-inline/kind.ts', 'b-isolated/run.ts', 'c-mixed/kind.ts']);
  expect(imported('tasks.ts')).toEqual(['b-isolated/run.ts', 'c-mixed/run.ts']);
  expect(imported('inline-tasks.ts')).toEqual(['a-inline/inline.ts', 'c-mixed/inline.ts']);
  // The handlers of isolated kinds are imported when they are first needed.
  expect(modules['tasks.ts']).toContain("'c-mixed': () => import('../c-mixed/run.ts')");
  expect(modules['kinds.ts']).toContain('export const KINDS = [aInline, bIsolated, cMixed] as const;');
});

const written = () => writeKindRegistry(root).map((path) => basename(path));

test('only what has changed is written, and the engine’s own folders are no kinds', () => {
  folder('a-one', 'run.ts');
  folder('batch-import', 'schema.ts');
  expect(written()).toEqual(['kinds.ts', 'tasks.ts', 'inline-tasks.ts']);
  expect(written()).toEqual([]);
  folder('b-two', 'run.ts');
  expect(written()).toEqual(['kinds.ts', 'tasks.ts']);
});

test.each([
  ['without what runs it', 'a-b', 'kinds/a-b: run.ts, inline.ts or wired.ts is missing'],
  ['of another form of name', 'reports', 'kinds/reports: a folder is called <domain>-<verb>'],
])('a folder %s is refused, and nothing is written', (_, name, message) => {
  folder(name, 'kind.ts');
  expect(() => writeKindRegistry(root)).toThrow(message);
  expect(existsSync(join(root, 'generated'))).toBe(false);
});
