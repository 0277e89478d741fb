import { setTimeout as sleep } from 'node:timers/promises';
import { type MigrationMeta, readMigrationFiles } from 'drizzle-orm/migrator';
import postgres from 'postgres';
import { ensureRoles, OWNER_ROLE } from './roles.ts';

/**
 * Number of the advisory lock that makes two deployments migrate one after the other. Nothing else in this database uses the
 * number.
 */
const MIGRATION_LOCK = 7_423_001;

/**
 * First line of a migration that runs outside a transaction, as `create index concurrently` must. Each of its statements stands
 * alone (`--> statement-breakpoint` between two) and may run again after a failure.
 */
const OUTSIDE_TRANSACTION = /^\s*-- outside a transaction\b/;

/** SQLSTATE of a statement that waited for a lock until `lock_timeout`. */
const LOCK_NOT_AVAILABLE = '55P03';

/** A session that holds a lock for which a migration waits. */
type Blocker = { pid: number; role: string | null; state: string | null; openSeconds: number | null };

type MigrateOptions = {
  /** Called with what the migrations wait for. */
  report?: (message: string, details: { blockers: readonly Blocker[] }) => void;
  /**
   * Milliseconds that one statement waits for a lock. Every other session that wants the table queues behind the statement. So
   * the statement must give way soon, and try again.
   */
  lockTimeoutMs?: number;
  /** Milliseconds for all migrations together. Keep it below the time limit of the caller. */
  maxWaitMs?: number;
  /** Values of the table `quotas`, by their names. Default: the values that the table has. */
  quotas?: Readonly<Record<string, number>>;
  /** Rows of the table `mail_senders`. Default: the rows that the table has. */
  mailSenders?: readonly string[];
};

type Sql = postgres.Sql;
type LockWait = Required<Omit<MigrateOptions, 'quotas' | 'mailSenders'>> & { endsAt: number };

/** Milliseconds between two tries to get a lock, and between two looks at the holders. */
const PAUSE_MS = 500;

/**
 * Brings a database to the newest schema: the roles first, then every migration that is not yet applied, each in a transaction of
 * its own. Migrations marked `outside a transaction` run without one. Safe to repeat, and safe to run twice at once.
 *
 * @param connection of a user that may create roles, e.g. the RDS master user
 * @param folder     of the `.sql` files and their journal
 * @returns the number of migrations that the database has afterwards
 * @throws Error that names the holders of a lock when the lock did not come free in time; earlier migrations stay applied
 */
export async function migrate(
  connection: { url: string; options?: postgres.Options<Record<string, never>> },
  folder: string,
  {
    report = () => {},
    lockTimeoutMs = 3_000,
    maxWaitMs = 540_000,
    quotas = {},
    mailSenders,
  }: MigrateOptions = {},
): Promise<number> {
  const lockWait = { report, lockTimeoutMs, maxWaitMs, endsAt: Date.now() + maxWaitMs };
  const client = () => postgres(connection.url, { ...connection.options, max: 1, onnotice: () => {} });
  const [sql, observer] = [client(), client()];
  try {
    await takeTurn(sql, lockWait);
    await unlessBlocked('the roles', { sql, observer, lockWait }, async () => {
      await sql`select set_config('lock_timeout', ${String(lockTimeoutMs)}, false)`;
      await ensureRoles(sql);
    });
    await sql.unsafe(`set role ${OWNER_ROLE}`);
    await sql.unsafe(JOURNAL);
    for (const migration of await pending(sql, folder)) {
      await unlessBlocked(migration.name, { sql, observer, lockWait }, () =>
        OUTSIDE_TRANSACTION.test(migration.sql[0] ?? '')
          ? applyOutside(sql, migration, lockTimeoutMs)
          : sql.begin((tx) => apply(tx, migration)),
      );
    }
    for (const [name, value] of Object.entries(quotas)) {
      await sql`insert into quotas (name, value) values (${name}, ${value})
        on conflict (name) do update set value = excluded.value`;
    }
    if (mailSenders) await setSenders(sql, mailSenders);
    const [row] = await sql<
      { applied: number }[]
    >`select count(*)::int as applied from migrations.__drizzle_migrations`;
    return row?.applied ?? 0;
  } finally {
    await Promise.all([sql.end({ timeout: 5 }), observer.end({ timeout: 5 })]);
  }
}

/** Makes these the only addresses and domains that tasks may send mail from. */
async function setSenders(sql: Sql, senders: readonly string[]): Promise<void> {
  await sql.begin(async (tx) => {
    await tx`delete from mail_senders where identity <> all (${senders as string[]})`;
    await tx`insert into mail_senders (identity) select unnest(${senders as string[]}::text[]) on conflict do nothing`;
  });
}

/** The list of applied migrations, in the table of drizzle's own migrator. */
const JOURNAL = `
  create schema if not exists migrations;
  create table if not exists migrations.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint)`;

/**
 * Waits until no other deployment migrates. Polls, because a session that waits inside Postgres holds a snapshot, and the other
 * deployment's `create index concurrently` would wait for that snapshot in turn.
 */
async function takeTurn(sql: Sql, { report, endsAt }: LockWait): Promise<void> {
  for (let isReported = false; ; isReported = true) {
    const [row] = await sql<{ taken: boolean }[]>`select pg_try_advisory_lock(${MIGRATION_LOCK}) as taken`;
    if (row?.taken) return;
    const holders = sql<Blocker[]>`
      select activity.pid, usename as role, state, extract(epoch from now() - xact_start)::float as "openSeconds"
      from pg_locks join pg_stat_activity activity using (pid)
      where locktype = 'advisory' and granted and objid = ${MIGRATION_LOCK}`;
    if (!isReported) report('another deployment migrates', { blockers: [...(await holders)] });
    if (Date.now() > endsAt)
      throw new Error('Another deployment is migrating. Deploy again when it has ended');
    await sleep(PAUSE_MS);
  }
}

async function pending(sql: Sql, folder: string): Promise<(MigrationMeta & { name: string })[]> {
  const [last] = await sql<{ at: string | null }[]>`
    select max(created_at)::text as at from migrations.__drizzle_migrations`;
  return readMigrationFiles({ migrationsFolder: folder })
    .map((migration, index) => ({ ...migration, name: `migration ${index}` }))
    .filter(({ folderMillis }) => folderMillis > Number(last?.at ?? -1));
}

async function apply(
  sql: Sql | postgres.TransactionSql,
  { sql: statements, hash, folderMillis }: MigrationMeta,
) {
  for (const statement of statements) await sql.unsafe(statement);
  await sql`insert into migrations.__drizzle_migrations (hash, created_at) values (${hash}, ${folderMillis})`;
}

/**
 * Applies a migration without a lock timeout. A concurrent build waits for every older transaction, but keeps no session from its
 * table.
 */
async function applyOutside(sql: Sql, migration: MigrationMeta, lockTimeoutMs: number): Promise<void> {
  // An earlier try can leave an invalid index. Postgres never uses the invalid index, but its name is taken.
  const invalid = await sql<{ statement: string }[]>`
    select format('drop index concurrently %I.%I', nspname, relname) as statement
    from pg_index join pg_class on pg_class.oid = indexrelid join pg_namespace on pg_namespace.oid = relnamespace
    where not indisvalid and relkind = 'i' and nspname = 'public'`;
  await sql`select set_config('lock_timeout', '0', false)`;
  try {
    for (const { statement } of invalid) await sql.unsafe(statement);
    await apply(sql, migration);
  } finally {
    await sql`select set_config('lock_timeout', ${String(lockTimeoutMs)}, false)`;
  }
}

/** Repeats `work` while a lock cannot be had, and reports who holds the lock. */
async function unlessBlocked(
  what: string,
  { sql, observer, lockWait }: { sql: Sql; observer: Sql; lockWait: LockWait },
  work: () => Promise<unknown>,
): Promise<void> {
  const [self] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
  const watching = watch(observer, self?.pid ?? 0, (blockers) =>
    lockWait.report(`${what} waits for a lock`, { blockers }),
  );
  try {
    for (;;) {
      try {
        await work();
        return;
      } catch (error) {
        if ((error as { code?: string }).code !== LOCK_NOT_AVAILABLE) throw error;
        if (Date.now() > lockWait.endsAt) {
          const who = watching.last().map(({ pid, role, state }) => `${pid} (${role}, ${state})`);
          throw new Error(
            `${what} could not get its lock within ${lockWait.maxWaitMs / 1000} s; held by ${who.join(', ')}`,
            { cause: error },
          );
        }
        await sleep(PAUSE_MS);
      }
    }
  } finally {
    await watching.stop();
  }
}

/** Polls which sessions block the session `pid`, until stopped. Calls `changed` whenever they change. */
function watch(observer: Sql, pid: number, changed: (blockers: readonly Blocker[]) => void) {
  let last: readonly Blocker[] = [];
  const end = new AbortController();
  const running = (async () => {
    while (!end.signal.aborted) {
      const blockers = await observer<Blocker[]>`
        select pid, usename as role, state, extract(epoch from now() - xact_start)::float as "openSeconds"
        from pg_stat_activity where pid = any(pg_blocking_pids(${pid})) order by pid`;
      const pids = (those: readonly Blocker[]) => those.map((each) => each.pid).join();
      if (blockers.length > 0 && pids(blockers) !== pids(last)) {
        last = [...blockers];
        changed(last);
      }
      await sleep(PAUSE_MS, undefined, { signal: end.signal }).catch(() => {});
    }
  })();
  // Reporting is optional: its failure must not fail a migration.
  const ended = running.catch(() => {});
  return {
    last: () => last,
    stop: () => {
      end.abort();
      return ended;
    },
  };
}
