import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';

const REPOSITORY = join(import.meta.dirname, '..');

const read = (file: string) => readFileSync(join(REPOSITORY, file), 'utf8');

/** The folders of `functions` in the order of ARCHITECTURE.md. */
const folders = [...read('ARCHITECTURE.md').matchAll(/^\| `(functions\/[^`]*)` \|/gm)]
  .map(([, folder = '']) => folder)
  // The whole of it, in the list of the repository's folders.
  .slice(1);

/** The place in the list of the folder that a file belongs to. */
function placeOf(file: string): number {
  const [folder] = folders.filter((each) => file.startsWith(each)).toSorted((a, b) => b.length - a.length);
  return folders.indexOf(folder ?? '');
}

const product = globSync('functions/**/*.ts', { cwd: REPOSITORY }).filter(
  (file) => !/\.test\.ts$|\/(testing|verification)\//.test(file),
);

test('imports inside functions/ go down the list of ARCHITECTURE.md', () => {
  expect(folders.length).toBeGreaterThan(20);
  const upward = product.flatMap((file) =>
    [...read(file).matchAll(/(?:from|import) '(\.[^']+)'/g)]
      .map(([, path = '']) => normalize(join(dirname(file), path)))
      .filter((imported) => imported.startsWith('functions/') && placeOf(imported) < placeOf(file))
      .map((imported) => `${file} imports ${imported}`),
  );
  expect(upward).toEqual([]);
});

test('every folder of functions/ stands in the list of ARCHITECTURE.md', () => {
  const known = new Set(folders);
  const unknown = product
    .map((file) => file.split('/').slice(0, 2).join('/'))
    .filter((path) => !path.endsWith('.ts') && !known.has(`${path}/`));
  expect([...new Set(unknown)]).toEqual([]);
});
