import postgres from 'postgres';
import { expect, test } from 'vitest';
import { createTestDatabase } from './testing.ts';

test('two test databases know nothing of each other', async () => {
  const first = await createTestDatabase();
  const second = await createTestDatabase();
  await query(first.superuserUrl, 'create table only_here (id int)');
  expect(await query(second.superuserUrl, "select to_regclass('only_here') as name")).toEqual([
    { name: null },
  ]);
  await Promise.all([first.drop(), second.drop()]);
});

test('a test database is migrated, and the roles of the functions can log in', async () => {
  const { urlFor } = await createTestDatabase();
  for (const name of ['api', 'dead-letters']) {
    const [row] = await query(
      urlFor(name),
      "select current_user, to_regclass('tasks') is not null as migrated",
    );
    expect(row).toEqual({ current_user: `celeriac_${name.replace('-', '_')}`, migrated: true });
  }
});

test('an unmigrated database is empty', async () => {
  const { superuserUrl } = await createTestDatabase({ migrated: false });
  expect(await query(superuserUrl, "select tablename from pg_tables where schemaname = 'public'")).toEqual(
    [],
  );
});

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const sql = postgres(url, { max: 1 });
  try {
    return [...(await sql.unsafe(text))];
  } finally {
    await sql.end();
  }
}
