import { is } from 'drizzle-orm';
import { getTableConfig, PgTable } from 'drizzle-orm/pg-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as schema from './schema.ts';
import { type DatabaseFixture, databaseFixture } from './testing/database-fixture.ts';

let on: DatabaseFixture;
beforeAll(async () => {
  on = await databaseFixture();
});
afterAll(() => on.close());

for (const table of Object.values(schema).filter((exported) => is(exported, PgTable))) {
  const { name, columns, primaryKeys } = getTableConfig(table);

  test(`${name} has the columns that the migrations made`, async () => {
    const migrated = await on.admin`
      select column_name as name, data_type as type, is_nullable = 'NO' as "notNull", column_default is not null as "hasDefault"
      from information_schema.columns where table_schema = 'public' and table_name = ${name} order by column_name`;
    const described = columns
      .map((column) => ({
        name: column.name,
        type: column.getSQLType(),
        notNull: column.notNull,
        hasDefault: column.hasDefault,
      }))
      .sort((one, other) => (one.name < other.name ? -1 : 1));
    expect(described).toEqual([...migrated]);
  });

  test(`${name} has the primary key that the migrations made`, async () => {
    const migrated = await on.admin`
      select k.column_name as name
      from information_schema.table_constraints c
      join information_schema.key_column_usage k using (constraint_schema, constraint_name)
      where c.constraint_type = 'PRIMARY KEY' and c.table_schema = 'public' and c.table_name = ${name}
      order by k.ordinal_position`;
    const described = [
      ...columns.filter((column) => column.primary),
      ...primaryKeys.flatMap((key) => key.columns),
    ];
    expect(described.map((column) => column.name)).toEqual(migrated.map((row) => row.name));
  });
}

test('a row that is removed finds the rows that refer to it by an index', async () => {
  // Users are never removed.
  const unindexed = await on.admin`
    select c.conrelid::regclass::text as "table", c.conname as name
    from pg_constraint c
    where c.contype = 'f' and c.connamespace = 'public'::regnamespace and c.confrelid <> 'users'::regclass
      and not exists (
        select from pg_index i
        where i.indrelid = c.conrelid and i.indpred is null
          and (i.indkey::int2[])[0:cardinality(c.conkey) - 1] operator(pg_catalog.@>) c.conkey
      )`;
  expect([...unindexed]).toEqual([]);
});
