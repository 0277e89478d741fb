import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fingerprint } from './synthesize.ts';

let root: string;
async function save(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text);
}

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'celeriac-fingerprint-'));
  for (const folder of ['bin', 'lib', 'functions', 'console']) await mkdir(join(root, folder));
  for (const file of ['cdk.json', 'package-lock.json']) await save(file, '{}');
});
afterEach(() => rm(root, { recursive: true }));

test.each([
  ['functions/tasks/kinds/text-count/run.ts', 'a source'],
  ['console/index.html', 'a page'],
  ['cdk.json', '{ "app": "" }'],
])('a change of %s needs another synthesis', async (path, text) => {
  const before = await fingerprint(root);
  await save(path, text);
  expect(await fingerprint(root)).not.toBe(before);
});

test.each([
  ['functions/tasks/kinds/generated/kinds.ts', 'what synthesis writes'],
  ['lib/stack.test.ts', 'a test'],
])('a change of %s needs none', async (path, text) => {
  const before = await fingerprint(root);
  await save(path, text);
  expect(await fingerprint(root)).toBe(before);
});
