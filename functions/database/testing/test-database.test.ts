import postgres from 'postgres';
import { expect, test } from 'vitest';
import { createTestDatabase } from './test-database.ts';

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

test('the migrations needed no superuser', async () => {
  const { superuserUrl } = await createTestDatabase();
  const owners = await query(
    superuserUrl,
    `select distinct r.rolname as name, r.rolsuper or r.rolbypassrls as mighty
    from pg_class c join pg_roles r on r.oid = c.relowner where c.relnamespace = 'public'::regnamespace`,
  );
  expect(owners).toEqual([{ name: 'celeriac_owner', mighty: false }]);
  // Only the maker of a role administers it.
  const makers = await query(
    superuserUrl,
    `select distinct m.rolname as name, m.rolsuper as mighty
    from pg_auth_members a join pg_roles r on r.oid = a.roleid join pg_roles m on m.oid = a.member
    where r.rolname like 'celeriac\\_%' and a.admin_option`,
  );
  expect(makers).toEqual([{ name: 'celeriac_admin', mighty: false }]);
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
