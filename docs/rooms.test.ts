import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const REPOSITORY = join(import.meta.dirname, '..');

/** Whoever opens a folder sees what is in it at one glance. Tests do not count, nor do settings and data. */
const MOST_FILES = 15;

const SOURCE = /\.(ts|js|mjs|py|sh)$/;
const TEST = /\.test\.ts$/;

/** Folders of code, with the names of their source files and of their folders. */
type Folder = { path: string; sources: string[]; rooms: string[] };

function* foldersBelow(path: string): Generator<Folder> {
  const entries = readdirSync(join(REPOSITORY, path), { withFileTypes: true });
  const named = (isWanted: (entry: (typeof entries)[number]) => boolean) =>
    entries.filter(isWanted).map(({ name }) => name);
  const folders = named((entry) => entry.isDirectory());
  const below = folders.flatMap((folder) => [...foldersBelow(`${path}/${folder}`)]);
  const hasCode = (folder: string) =>
    below.some((each) => `${each.path}/`.startsWith(`${path}/${folder}/`) && each.sources.length > 0);
  yield {
    path,
    sources: named((entry) => entry.isFile() && SOURCE.test(entry.name) && !TEST.test(entry.name)),
    rooms: folders.filter((folder) => folder !== 'testing' && hasCode(folder)),
  };
  yield* below;
}

const FOLDERS = ['bin', 'lib', 'functions', 'local', 'infra-tests'].flatMap((path) => [
  ...foldersBelow(path),
]);

test('no folder holds more source files than a reader takes in', () => {
  const crowded = FOLDERS.filter(({ sources }) => sources.length > MOST_FILES);
  expect(crowded.map(({ path, sources }) => `${path} has ${sources.length} files`)).toEqual([]);
});

test('support for tests lies in folders named testing', () => {
  const elsewhere = FOLDERS.filter(({ path }) => !path.endsWith('/testing')).flatMap(({ path, sources }) =>
    sources.filter((name) => /^test(ing)?[-.]/.test(name)).map((name) => `${path}/${name}`),
  );
  expect(elsewhere).toEqual([]);
});

/** The rooms of a folder from top to bottom, `.` for its own files. */
const { ROOMS }: { ROOMS: Record<string, readonly string[]> } = await import(
  join(REPOSITORY, '.dependency-cruiser.mjs')
);

test('the import rules know every room and its place', () => {
  const found = FOLDERS.filter(({ path }) => !path.startsWith('infra-tests'))
    .filter(({ rooms, sources }) => rooms.length + Math.min(sources.length, 1) > 1)
    .map(({ path, rooms, sources }) => [path, [...rooms, ...(sources.length > 0 ? ['.'] : [])].toSorted()]);
  const known = Object.entries(ROOMS).map(([path, rooms]) => [path, rooms.toSorted()]);
  expect(Object.fromEntries(known)).toEqual(Object.fromEntries(found));
});

test('ARCHITECTURE.md lists the folders of functions/ in the order of the import rules', () => {
  const roomsOf = (folder: string, rooms = ROOMS[folder] ?? []): string[] =>
    rooms.flatMap((room) => {
      if (room === '.') return [`${folder}/`];
      if (room === 'tasks')
        return roomsOf(`${folder}/tasks`).filter((path) => !path.includes('verification'));
      return [`${folder}/${room}/`];
    });
  const architecture = readFileSync(join(REPOSITORY, 'ARCHITECTURE.md'), 'utf8');
  // The first row with `functions/` is that of the repository's folders.
  const [, ...listed] = [...architecture.matchAll(/^\| `(functions\/[^`]*)` \|/gm)].map(([, path]) => path);
  expect(listed).toEqual(roomsOf('functions'));
});
