import postgres from 'postgres';

/** Connections to the database of a running Celeriac as its superuser, to read the rows beside the measured system. */
export type Rows = postgres.Sql;

/** Times of a task, in milliseconds since 1970 with fractions. */
export type Times = { id: string; createdAt: number; runAt: number; startedAt: number; updatedAt: number };

/** Days from now to the first future task. */
const FUTURE_DAYS = 30;

export function openRows(databaseUrl: string): Rows {
  return postgres(databaseUrl, { max: 2, onnotice: () => {} });
}

/** Returns the time of the database's clock. */
export async function clock(sql: Rows): Promise<number> {
  const [row] = await sql<
    { now: number }[]
  >`select extract(epoch from clock_timestamp())::float8 * 1000 as now`;
  return row?.now ?? Number.NaN;
}

/** Returns the time at which the last task with that name ended. */
export async function lastEnd(sql: Rows, name: string): Promise<number> {
  const [row] = await sql<{ at: number }[]>`
    select extract(epoch from max(finished_at))::float8 * 1000 as at from tasks where name = ${name}`;
  return row?.at ?? Number.NaN;
}

/** Returns those of the tasks that have completed. */
export async function completedOf(sql: Rows, ids: readonly string[]): Promise<Times[]> {
  return sql<Times[]>`
    select id, extract(epoch from created_at)::float8 * 1000 as "createdAt", extract(epoch from run_at)::float8 * 1000 as "runAt",
      extract(epoch from started_at)::float8 * 1000 as "startedAt", extract(epoch from updated_at)::float8 * 1000 as "updatedAt"
    from tasks where id = any (${ids as string[]}::uuid[]) and status = 'COMPLETED'`;
}

/** Returns the first start among the tasks of each name, in the order of `names`. */
export async function firstStarts(sql: Rows, names: readonly string[]): Promise<number[]> {
  const rows = await sql<{ at: number }[]>`
    select extract(epoch from min(started_at))::float8 * 1000 as at from tasks
    where name = any (${names as string[]}::text[]) group by name order by array_position(${names as string[]}::text[], name)`;
  return rows.map(({ at }) => at);
}

/** Returns the number of tasks with that name that have not started. */
export async function backlogOf(sql: Rows, name: string): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*)::int as count from tasks where name = ${name} and status = 'SCHEDULED'`;
  return row?.count ?? 0;
}

/** Returns true when no task is due or running. */
export async function isIdle(sql: Rows): Promise<boolean> {
  const rows = await sql`
    (select from tasks where status = 'SCHEDULED' and next_dispatch_at < now() + interval '1 hour' and run_at < now() limit 1)
    union all
    (select from tasks where status = 'RUNNING' limit 1)`;
  return rows.length === 0;
}

/** Resets the statement counters. */
export async function resetStatements(sql: Rows): Promise<void> {
  await sql`create extension if not exists pg_stat_statements`;
  await sql`select pg_stat_statements_reset()`;
}

/** Returns the number of statements for each role, including those that begin and end transactions. */
export async function statements(sql: Rows): Promise<Record<string, number>> {
  const rows = await sql<{ role: string; calls: number }[]>`
    select replace(r.rolname, 'celeriac_', '') as role, sum(s.calls)::int as calls
    from pg_stat_statements s join pg_roles r on r.oid = s.userid
    where s.toplevel and r.rolname like 'celeriac\\_%'
    group by 1 order by 1`;
  return Object.fromEntries(rows.map(({ role, calls }) => [role, calls]));
}

/** Turns autovacuum off for tasks, so that only the tick is measured. */
export async function prepareForMany(sql: Rows): Promise<void> {
  await sql`alter table tasks set (autovacuum_enabled = false)`;
}

/** Stores future tasks of some organization, without foreign key checks. */
export async function storeFuture(sql: Rows, count: number): Promise<void> {
  await sql.begin(async (tx) => {
    await tx`set local session_replication_role = replica`;
    await tx`
      insert into tasks (id, organization_id, kind, name, queue, status, scheduled_time, run_at, max_retries, attempt_limit,
        next_dispatch_at)
      select uuidv7(), o.id, 'data.process', 'future', 'interactive', 'SCHEDULED', t.at, t.at, 3, 4, t.at
      from (select id from organizations limit 1) o, generate_series(1, ${count}) n,
        lateral (select now() + ${FUTURE_DAYS} * interval '1 day' + n * interval '1 second' as at) t`;
  });
}

/** Prepares the plans and the disk after the table has grown: analyze and checkpoint. */
export async function settle(sql: Rows): Promise<void> {
  await sql`analyze tasks`;
  await sql`checkpoint`;
}
