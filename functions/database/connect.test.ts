import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect, wakener } from './connect.ts';
import { type Stand, stand } from './testing.ts';

let on: Stand;
beforeAll(async () => {
  on = await stand();
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
  const wake = wakener(db, () => now);
  const [row] = await db<{ pid: number }[]>`select pg_backend_pid() as pid`;
  await on.admin`select pg_terminate_backend(${row?.pid ?? 0})`;
  now += 60_000;
  await wake();
  expect(await db`select 1 as one`).toEqual([{ one: 1 }]);
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
