import { chown, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { directoryOfProcess } from './directory-of-process.ts';

/** Larger than any process id. */
const NO_PROCESS = 4_194_305;

let parent: string;
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'celeriac-parent-'));
});
afterAll(() => rm(parent, { recursive: true, force: true }));

test('what a killed process left is removed, and what others use stays', async () => {
  const used = `celeriac-trial-${process.pid}-inuse1`;
  const other = `celeriac-trial-${NO_PROCESS}x`;
  for (const name of [used, other, `celeriac-trial-${NO_PROCESS}-abc123`]) await mkdir(join(parent, name));
  const ended: string[] = [];
  const made = await directoryOfProcess(parent, 'trial', async (directory) => void ended.push(directory));
  expect(ended).toEqual([join(parent, `celeriac-trial-${NO_PROCESS}-abc123`)]);
  expect(await readdir(parent)).toEqual(expect.arrayContaining([used, other, made.slice(parent.length + 1)]));
  expect(await readdir(parent)).toHaveLength(3);
});

if (process.getuid?.() === 0) {
  test("another user's directory stays", async () => {
    const theirs = join(parent, `celeriac-theirs-${NO_PROCESS}-abc123`);
    await mkdir(theirs);
    await chown(theirs, 12_345, 12_345);
    await directoryOfProcess(parent, 'theirs');
    expect(await readdir(parent)).toContain(`celeriac-theirs-${NO_PROCESS}-abc123`);
  });
}
