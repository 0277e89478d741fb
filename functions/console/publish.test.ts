import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { publish } from './publish.ts';

let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'celeriac-console-'));
  await mkdir(join(root, 'views'));
  await writeFile(join(root, 'index.html'), '<h1>');
  await writeFile(join(root, 'main.js'), 'export {};');
  await writeFile(join(root, 'views', 'task.js'), '//');
  await writeFile(join(root, '503.problem'), '{}');
});
afterAll(() => rm(root, { recursive: true }));

test('every file is published with its type and without caching, and the entrance last', async () => {
  const put: Record<string, string>[] = [];
  const count = await publish(root, async ({ path, contentType, cacheControl, content }) => {
    put.push({ path, contentType, cacheControl, content: content.toString() });
  });
  expect(count).toBe(4);
  expect(put.at(-1)).toEqual({
    path: 'index.html',
    contentType: 'text/html; charset=utf-8',
    cacheControl: 'no-cache',
    content: '<h1>',
  });
  expect(put.map(({ path }) => path)).toEqual(expect.arrayContaining(['main.js', 'views/task.js']));
  expect(put.find(({ path }) => path === 'views/task.js')?.contentType).toBe(
    'text/javascript; charset=utf-8',
  );
  expect(put.find(({ path }) => path === '503.problem')?.contentType).toBe('application/problem+json');
});

test('a file that cannot be stored keeps the entrance as it was, and fails the publication', async () => {
  const put: string[] = [];
  const publishing = publish(root, async ({ path }) => {
    if (path === 'main.js') throw new Error('S3 is away');
    put.push(path);
  });
  await expect(publishing).rejects.toThrow('S3 is away');
  expect(put).not.toContain('index.html');
});

test('a file of an unknown kind is refused before anything is stored', async () => {
  await writeFile(join(root, 'notes.unknown'), '');
  const put: string[] = [];
  const publishing = publish(root, async ({ path }) => {
    put.push(path);
  });
  await expect(publishing).rejects.toThrow('notes.unknown');
  expect(put).toEqual([]);
});
