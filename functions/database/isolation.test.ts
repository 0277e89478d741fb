import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Database, Transaction } from './connect.ts';
import { asMember } from './enter.ts';
import { FUNCTION_ROLES } from './roles.ts';
import { type DatabaseFixture, databaseFixture, type Member } from './testing/database-fixture.ts';
import { COMMANDS, type Command, EXECUTES, REACH, SCOPES, type Scope } from './testing/reach.ts';
import { insertRows } from './testing/rows.ts';

/*
 * Isolation by grants and row-level security alone: every statement here lacks its `where`. Eve owns an organization, is a member
 * of Mia's and a viewer of Val's, and has nothing to do with Ada's.
 */

let on: DatabaseFixture;
let eve: Member;
let ada: Member;
const as = new Map<string, Database>();

beforeAll(async () => {
  on = await databaseFixture();
  const [mia, val] = [await on.member(), await on.member()];
  [eve, ada] = [await on.member(), await on.member()];
  for (const person of [eve, ada, mia]) await insertRows(on.admin, person);
  await insertRows(on.admin, val, { expired: true });
  await on.join(eve, mia.organizationId, 'member');
  await on.join(eve, val.organizationId, 'viewer');
  for (const role of FUNCTION_ROLES) as.set(role, on.as(role.replace('celeriac_', '')));
});
afterAll(() => on.close());

const connectionOf = (role: string): Database => as.get(role) ?? on.admin;

/** Runs `work` in a transaction that is rolled back; as Eve if the role can enter a session. */
async function tried<T>(role: string, work: (tx: Transaction) => Promise<T>, entering = true): Promise<T> {
  const undo = new Error('undo');
  let result: { value: T } | undefined;
  const run = async (tx: Transaction) => {
    result = { value: await work(tx) };
    throw undo;
  };
  const db = connectionOf(role);
  const done = entering && EXECUTES.enter_session?.includes(role) ? asMember(db, eve, run) : db.begin(run);
  await done.catch((error: unknown) => {
    if (error !== undo) throw error;
  });
  if (!result) throw new Error('nothing was done');
  return result.value;
}

/** Returns the number of rows that a statement without a `where` reaches. */
async function reached(tx: Transaction, table: string, command: Command, column: string): Promise<number> {
  if (command === 'select') return (await tx.unsafe(`select ${column} from ${table}`)).count;
  if (command === 'update') return (await tx.unsafe(`update ${table} set ${column} = ${column}`)).count;
  return (await tx.unsafe(`delete from ${table}`)).count;
}

/** Returns the rows of a table as the superuser sees them, and whether each is within the scope. */
function rowsOf(table: string, scope: Scope): Promise<{ row: string; within: boolean }[]> {
  const condition = SCOPES[scope](table, eve.userId);
  return on.admin.unsafe(`select to_jsonb(t)::text as row, (${condition}) as within from ${table} t`);
}

async function firstColumn(table: string): Promise<string> {
  const [row] = await on.admin<{ name: string }[]>`
    select attname as name from pg_attribute where attrelid = ${table}::regclass and attnum = 1`;
  return row?.name ?? '';
}

/** All relations of the schema that can be selected from: tables, views and others. */
const RELATIONS = `(
  select * from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f')) c`;

describe('every table', () => {
  test('has row-level security, also for its owner', async () => {
    const open = await on.admin.unsafe(
      `select relname from ${RELATIONS} where not (c.relkind in ('r', 'p') and c.relrowsecurity and c.relforcerowsecurity)`,
    );
    expect([...open]).toEqual([]);
  });

  test('has rows of several people in these tests', async () => {
    for (const { name } of await on.admin.unsafe(`select relname as name from ${RELATIONS}`)) {
      // It has one row, which belongs to no organization.
      if (name === 'pending_in_installation') continue;
      const [row] = await on.admin.unsafe(`select count(*)::int as count from ${name}`);
      expect([name, row?.count >= 4]).toEqual([name, true]);
    }
  });
});

describe('every function of the schema', () => {
  test('can be called by the roles that need it, and by nobody else', async () => {
    const found = await on.admin<{ name: string; roles: string[] }[]>`
      select p.proname as name, array(
        select role from unnest(${['public', ...FUNCTION_ROLES]}::text[]) with ordinality as r(role, place)
        where has_function_privilege(role, p.oid, 'execute') order by place) as roles
      from pg_proc p where p.pronamespace = 'public'::regnamespace`;
    expect(Object.fromEntries(found.map(({ name, roles }) => [name, roles]))).toEqual(EXECUTES);
    expect(found).toHaveLength(Object.keys(EXECUTES).length);
  });

  test("that runs with its owner's rights looks for names in this schema alone", async () => {
    const careless = await on.admin`
      select proname from pg_proc where pronamespace = 'public'::regnamespace and prosecdef
        and not coalesce(proconfig, '{}') @> array['search_path=public, pg_temp']`;
    expect([...careless]).toEqual([]);
  });
});

for (const role of FUNCTION_ROLES) {
  describe(role, () => {
    test('has the grants that its reach names, and no others', async () => {
      const granted = await on.admin<{ table: string; command: string; columns: string[] }[]>`
        select c.relname as table, command,
          case when has_table_privilege(${role}, c.oid, command) then '{}' else columns end as columns
        from ${on.admin.unsafe(RELATIONS)}
        cross join unnest(${[...COMMANDS, 'truncate', 'references', 'trigger', 'maintain']}::text[]) command
        cross join lateral (
          select coalesce(array_agg(a.attname::text order by a.attname), '{}') as columns
          from pg_attribute a
          where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
            and case when command in ('select', 'insert', 'update', 'references')
              then has_column_privilege(${role}, c.oid, a.attnum, command) end
        ) of_columns
        where has_table_privilege(${role}, c.oid, command) or columns <> '{}'`;
      const named = Object.entries(REACH[role]).flatMap(([table, cells]) =>
        Object.entries(cells).map(([command, [, ...columns]]) => ({ table, command, columns })),
      );
      const sorted = (cells: { table: string; command: string }[]) =>
        cells.toSorted((one, other) => (one.table + one.command < other.table + other.command ? -1 : 1));
      expect(sorted([...granted])).toEqual(sorted(named));
    });

    for (const [table, cells] of Object.entries(REACH[role])) {
      for (const command of COMMANDS) {
        const cell = cells[command];
        if (!cell) continue;
        const [scope, ...columns] = cell;

        if (command === 'insert') {
          test(`may insert into ${table}: ${scope}`, async () => {
            for (const { row, within } of await rowsOf(table, scope)) {
              // The policy is checked first. Only a row that passes it fails because it exists already.
              const code = await tried(role, (tx) =>
                tx
                  .savepoint((sp) =>
                    sp.unsafe(
                      `insert into ${table} select * from jsonb_populate_record(null::${table}, $1)`,
                      [row],
                    ),
                  )
                  .then(
                    () => 'inserted',
                    (error) => error.code,
                  ),
              );
              expect([row, code]).toEqual([row, within ? '23505' : '42501']);
            }
          });
          continue;
        }

        test(`may ${command} ${table}: ${scope}`, async () => {
          const rows = await rowsOf(table, scope);
          const within = rows.filter((row) => row.within).length;
          if (scope !== 'all') expect(within).toBeLessThan(rows.length);
          const column = columns[0] ?? (await firstColumn(table));
          expect(await tried(role, (tx) => reached(tx, table, command, column))).toBe(within);
          if (['all', 'expired', 'ended', 'turnOver', 'old', 'deleted'].includes(scope)) return;
          expect(await tried(role, (tx) => reached(tx, table, command, column), false)).toBe(0);
        });

        if (command === 'update' && columns.length === 0 && scope !== 'all') {
          test(`cannot hand rows of ${table} to somebody else`, async () => {
            const [owner, other] =
              scope === 'mine'
                ? ['user_id', ada.userId]
                : [table === 'organizations' ? 'id' : 'organization_id', ada.organizationId];
            const move = tried(role, (tx) => tx.unsafe(`update ${table} set ${owner} = '${other}'`));
            await expect(move).rejects.toThrow(/row-level security/);
          });
        }
      }
    }
  });
}
