import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase } from '../../local/testing.ts';
import { migrate } from './migrate.ts';
import { type Stand, stand } from './testing.ts';

const MIGRATIONS = join(import.meta.dirname, 'migrations');

let database: Stand;
let older: string;

beforeAll(async () => {
  [database, older] = await Promise.all([stand(), withoutTheNewest()]);
});
afterAll(() => Promise.all([database.close(), rm(older, { recursive: true })]));

const run = (folder: string) => migrate({ url: database.database.superuserUrl }, folder);
const everything = () => database.admin`
  select table_name, column_name, data_type from information_schema.columns
  where table_schema = 'public' order by 1, 2`;

test('a roll-back of the code, which brings its older migrations along, leaves the newer schema as it is', async () => {
  const [applied, schema] = [await run(MIGRATIONS), await everything()];
  expect(await run(older)).toBe(applied);
  expect(await everything()).toEqual(schema);
  expect(await run(MIGRATIONS)).toBe(applied);
});

test('two deployments at once migrate one after the other', async () => {
  const empty = await createTestDatabase({ migrated: false });
  try {
    const deployment = () => migrate({ url: empty.superuserUrl }, MIGRATIONS);
    expect(await Promise.all([deployment(), deployment()])).toEqual([
      await run(MIGRATIONS),
      await run(MIGRATIONS),
    ]);
  } finally {
    await empty.drop();
  }
});

/** The migrations as they were before the newest one. */
async function withoutTheNewest(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'celeriac-migrations-'));
  await cp(MIGRATIONS, folder, { recursive: true });
  const path = join(folder, 'meta', '_journal.json');
  const journal: { entries: { tag: string }[] } = JSON.parse(await readFile(path, 'utf8'));
  const newest = journal.entries.pop();
  await rm(join(folder, `${newest?.tag}.sql`));
  await writeFile(path, JSON.stringify(journal));
  return folder;
}
