import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect, connectionKeeper, type Database } from './connect.ts';
import { type DatabaseFixture, databaseFixture } from './testing/database-fixture.ts';

let on: DatabaseFixture;
beforeAll(async () => {
  on = await databaseFixture();
});
afterAll(() => on.close());

test('a sandbox that stops inside a transaction, or for good, loses its connection', async () => {
  const rows = await on.as('api')<{ name: string; setting: string }[]>`
    select name, setting from pg_settings
    where name in ('idle_in_transaction_session_timeout', 'idle_session_timeout', 'statement_timeout') order by name`;
  expect(rows.map((row) => [row.name, Number(row.setting)])).toEqual([
    ['idle_in_transaction_session_timeout', 10_000],
    ['idle_session_timeout', 900_000],
    ['statement_timeout', 30_000],
  ]);
});

test('a connection that the server has closed meanwhile is noticed before the first statement needs it', async () => {
  const db = connect(on.database.urlFor('api'));
  let now = 0;
  const wake = connectionKeeper(db, () => now);
  const [row] = await db<{ pid: number }[]>`select pg_backend_pid() as pid`;
  await on.admin`select pg_terminate_backend(${row?.pid ?? 0})`;
  now += 60_000;
  await wake();
  expect(await db`select 1 as one`).toEqual([{ one: 1 }]);
  await db.end();
});

/** Makes the session of this connection read-only, as on a server that has become a standby. */
const readOnly = (db: Database) => db`set session characteristics as transaction read only`;

test.each([
  ['a statement', (db: Database) => db`create table written()`],
  [
    'a statement of a query builder',
    (db: Database) => db.unsafe('create table written()', [], { prepare: true }),
  ],
  ['a transaction', (db: Database) => db.begin((tx) => tx`create table written()`)],
] as const)(
  'a connection that cannot write is given up when %s fails for that reason, and the next one writes',
  async (_what, write) => {
    const db = connect(on.database.superuserUrl);
    const pid = async () => (await db<{ pid: number }[]>`select pg_backend_pid() as pid`)[0]?.pid;
    const first = await pid();
    await readOnly(db);
    await expect(Promise.resolve(write(db))).rejects.toMatchObject({ code: '25006' });
    await write(db);
    expect(await pid()).not.toBe(first);
    await db`drop table written`;
    // The server has one of our connections again, not two.
    await expect.poll(() => on.admin`select from pg_stat_activity where pid = ${first ?? 0}`).toHaveLength(0);
    await db.end();
  },
);

test('statements that fail together replace the connection once', async () => {
  const db = connect(on.database.superuserUrl);
  await readOnly(db);
  const writes = Array.from({ length: 5 }, () => db`create table written()`.catch((error) => error.code));
  expect(new Set(await Promise.all(writes))).toEqual(new Set(['25006']));
  const name = 'counted connection';
  await db`select set_config('application_name', ${name}, false)`;
  expect(await on.admin`select from pg_stat_activity where application_name = ${name}`).toHaveLength(1);
  await db`create table written()`;
  await db`drop table written`;
  await db.end();
});

test('another refusal by the database keeps the connection', async () => {
  const db = connect(on.database.superuserUrl);
  const pid = async () => (await db<{ pid: number }[]>`select pg_backend_pid() as pid`)[0]?.pid;
  const first = await pid();
  await expect(Promise.resolve(db`select 1 / 0`)).rejects.toMatchObject({ code: '22012' });
  expect(await pid()).toBe(first);
  await db.end();
});

test('arrays of ids and texts arrive as they were sent', async () => {
  const db = on.as('api');
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uuid()),
      fc.array(fc.string().filter((text) => !text.includes('\0') && text.isWellFormed())),
      async (ids, texts) => {
        const [row] = await db`select ${ids}::uuid[] as ids, ${texts}::text[] as texts`;
        expect(row?.ids).toEqual(ids);
        expect(row?.texts).toEqual(texts);
      },
    ),
    { numRuns: 100 },
  );
});

test('numbers beyond 32 bits, JSON and times come back as what they are', async () => {
  const [row] = await on.as('api')`
    select 9007199254740991::bigint as big, ${JSON.stringify({ a: [1, 'x'] })}::jsonb as json, timestamptz '2026-01-02T03:04:05Z' as time`;
  expect(row).toEqual({
    big: 9007199254740991,
    json: { a: [1, 'x'] },
    time: new Date('2026-01-02T03:04:05Z'),
  });
});
