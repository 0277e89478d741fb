import postgres from 'postgres';

/** A change of a task's row, as a trigger saw it. Times are milliseconds since the epoch, by the database's clock. */
export interface Move {
  readonly taskId: string;
  /** Null: the row was inserted. */
  readonly from: string | null;
  readonly to: string;
  /** Of the row after the change. */
  readonly attempt: number;
  readonly at: number;
  /** When the task was due, before the change. */
  readonly dueAt: number;
}

/** The row of a task at the end. */
export interface Row {
  readonly id: string;
  readonly status: string;
  readonly attempt: number;
  readonly kind: string;
  /** The target's request whose answer the result is. */
  readonly hit: number | null;
}

/** A line of the engine's own ledger. */
export interface LedgerLine {
  readonly taskId: string;
  readonly attempt: number;
  readonly outcome: string;
  /** The target's request whose answer failed the attempt. */
  readonly hit: number | null;
}

export interface Audit {
  /** Tasks that are not finished. */
  unfinished(): Promise<number>;
  /** Ids of tasks that failed or were cancelled since the last time this was asked. */
  stopped(): Promise<string[]>;
  /** Ends every connection of the functions; how many those were. */
  cutConnections(): Promise<number>;
  /** In the order in which they happened to each task. */
  moves(): Promise<Move[]>;
  rows(): Promise<Row[]>;
  ledger(): Promise<LedgerLine[]>;
  close(): Promise<void>;
}

/**
 * Written by a trigger of the superuser's, inside the transactions of the engine and not by it: whatever the engine
 * believes, this is what happened to the rows.
 */
const TRIGGER = `
  create schema torture;
  create table torture.moves (
    n bigint generated always as identity primary key,
    task_id uuid not null,
    old_status text,
    new_status text not null,
    attempt integer not null,
    at timestamptz not null,
    due_at timestamptz not null
  );
  create function torture.note() returns trigger language plpgsql security definer set search_path = pg_catalog as $$
  begin
    insert into torture.moves (task_id, old_status, new_status, attempt, at, due_at)
    values (new.id, case tg_op when 'UPDATE' then old.status end, new.status, new.attempt, clock_timestamp(),
      case tg_op when 'UPDATE' then old.run_at else new.run_at end);
    return null;
  end $$;
  create trigger torture_insert after insert on public.tasks for each row execute function torture.note();
  create trigger torture_update after update on public.tasks for each row
    when ((old.status, old.attempt, old.result, old.finished_at)
      is distinct from (new.status, new.attempt, new.result, new.finished_at))
    execute function torture.note();`;

/** Postgres' numbers of a time, in the milliseconds of JavaScript. */
const MILLISECONDS = (column: string) => `(extract(epoch from ${column}) * 1000)::float8`;

/** The number in the target's answer `{"hit":17}`, of which a result and an error keep the text. */
const HIT = (column: string) => `substring(${column}->>'body' from '"hit":([0-9]+)')::int`;

/** @param url of the database, as its superuser */
export async function startAudit(url: string): Promise<Audit> {
  const sql = postgres(url, { max: 2, onnotice: () => {}, types: { bigint: postgres.BigInt } });
  await sql.unsafe(TRIGGER);
  let noted = '0';
  return {
    unfinished: async () => {
      const [row] = await sql<{ count: number }[]>`
        select count(*)::int as count from tasks where status in ('PENDING', 'SCHEDULED', 'RUNNING')`;
      return row?.count ?? 0;
    },
    stopped: async () => {
      const rows = await sql<{ n: string; id: string }[]>`
        select n::text, task_id as id from torture.moves
        where n > ${noted}::bigint and new_status in ('FAILED', 'CANCELLED') order by n`;
      noted = rows.at(-1)?.n ?? noted;
      return rows.map(({ id }) => id);
    },
    cutConnections: async () => {
      const cut = await sql`
        select pg_terminate_backend(pid) from pg_stat_activity where usename like 'celeriac\\_%'`;
      return cut.length;
    },
    moves: async () =>
      sql.unsafe<Move[]>(`
        select task_id as "taskId", old_status as from, new_status as to, attempt, ${MILLISECONDS('at')} as at,
          ${MILLISECONDS('due_at')} as "dueAt"
        from torture.moves order by n`),
    rows: async () =>
      sql.unsafe<Row[]>(`select id, status, attempt, kind, ${HIT('result')} as hit from tasks`),
    ledger: async () =>
      sql.unsafe<LedgerLine[]>(`
        select task_id as "taskId", attempt, outcome, ${HIT('error')} as hit from attempts order by task_id, attempt`),
    close: () => sql.end(),
  };
}
