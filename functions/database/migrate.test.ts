import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { migrate } from './migrate.ts';
import { type DatabaseFixture, databaseFixture } from './testing/database-fixture.ts';
import { createTestDatabase } from './testing/test-database.ts';

const MIGRATIONS = join(import.meta.dirname, 'migrations');

let database: DatabaseFixture;
let older: string;

beforeAll(async () => {
  [database, older] = await Promise.all([databaseFixture(), withoutTheNewest()]);
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

describe('a migration that wants a table which somebody holds', () => {
  const ADDS = 'alter table tasks add column held_up integer';

  /** Holds the table, as a long report does. */
  async function holding() {
    const other = await createTestDatabase();
    const holder = postgres(other.superuserUrl, { max: 1 });
    const reader = postgres(other.superuserUrl, { max: 1 });
    const [row] = await holder
      .unsafe<{ pid: number }[]>(`begin; select count(*) from tasks; select pg_backend_pid() as pid`)
      .then((results) => results.at(-1) as unknown as { pid: number }[]);
    return {
      url: other.superuserUrl,
      pid: row?.pid ?? 0,
      reader,
      release: () => holder.unsafe('rollback'),
      async end() {
        await Promise.all([holder.end(), reader.end()]);
        await other.drop();
      },
    };
  }

  test('names the holder of the lock, lets later statements pass, and continues when the lock is free', async () => {
    const [table, folder] = [await holding(), await withOneMore(ADDS)];
    try {
      const reports: { message: string; pids: number[] }[] = [];
      const waiting = Promise.withResolvers<void>();
      const migrating = migrate({ url: table.url }, folder, {
        lockTimeoutMs: 1_000,
        report(message, { blockers }) {
          reports.push({ message, pids: blockers.map(({ pid }) => pid) });
          waiting.resolve();
        },
      });
      await waiting.promise;
      // If the migration queued for its lock all the time, this query would wait behind it.
      expect(await table.reader`select count(*)::int as count from tasks`).toEqual([{ count: 0 }]);
      await table.release();
      await migrating;
      expect(reports[0]).toEqual({
        message: expect.stringMatching(/^migration \d+ waits for a lock$/),
        pids: [table.pid],
      });
      expect(await table.reader`select held_up from tasks`).toEqual([]);
    } finally {
      await table.end();
      await rm(folder, { recursive: true });
    }
  });

  test('fails when its time is over, names the holder, and leaves nothing behind', async () => {
    const [table, folder] = [await holding(), await withOneMore(`create table half (); ${ADDS}`)];
    try {
      const migrating = migrate({ url: table.url }, folder, { lockTimeoutMs: 3_000, maxWaitMs: 1_500 });
      await expect(migrating).rejects.toThrow(
        new RegExp(
          `could not get its lock within 1\\.5 s; held by ${table.pid} \\(postgres, idle in transaction\\)`,
        ),
      );
      expect(await table.reader`select to_regclass('half') as half`).toEqual([{ half: null }]);
    } finally {
      await table.end();
      await rm(folder, { recursive: true });
    }
  });
});

describe('a migration outside a transaction', () => {
  const BUILDS = `-- outside a transaction: nobody waits for the index.
    create unique index concurrently if not exists one_name on organizations (name);`;

  test('builds its index even after an earlier try left an invalid one', async () => {
    const [other, folder] = [await createTestDatabase(), await withOneMore(BUILDS)];
    const sql = postgres(other.superuserUrl, { max: 1 });
    const validity = () => sql`
      select indisvalid as valid from pg_index where indexrelid = to_regclass('public.one_name')`;
    try {
      await sql.unsafe(
        `insert into organizations (id, name) values (gen_random_uuid(), 'twin'), (gen_random_uuid(), 'twin')`,
      );
      await expect(migrate({ url: other.superuserUrl }, folder)).rejects.toThrow(
        'could not create unique index',
      );
      expect(await validity()).toEqual([{ valid: false }]);
      await sql.unsafe(`delete from organizations where name = 'twin'`);
      const applied = await migrate({ url: other.superuserUrl }, folder);
      expect(await validity()).toEqual([{ valid: true }]);
      expect(await migrate({ url: other.superuserUrl }, folder)).toBe(applied);
    } finally {
      await sql.end();
      await other.drop();
      await rm(folder, { recursive: true });
    }
  });

  test('does not wait for another deployment, which waits for its turn', async () => {
    const [other, folder] = [await createTestDatabase(), await withOneMore(BUILDS)];
    try {
      const deployment = () => migrate({ url: other.superuserUrl }, folder);
      const [first, second] = await Promise.all([deployment(), deployment()]);
      expect(first).toBe(second);
    } finally {
      await other.drop();
      await rm(folder, { recursive: true });
    }
  });
});

/** Returns a folder with all migrations and one more. */
async function withOneMore(sql: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'celeriac-migrations-'));
  await cp(MIGRATIONS, folder, { recursive: true });
  const path = join(folder, 'meta', '_journal.json');
  const journal: { entries: { tag: string; when: number }[] } = JSON.parse(await readFile(path, 'utf8'));
  const newest = Math.max(...journal.entries.map(({ when }) => when));
  journal.entries.push({ ...journal.entries[0], tag: '9999_one_more', when: newest + 1 });
  await writeFile(join(folder, '9999_one_more.sql'), sql);
  await writeFile(path, JSON.stringify(journal));
  return folder;
}

/** Returns a folder with all migrations except the newest. */
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
