import postgres from 'postgres';

/** A change of a task's row, recorded by a trigger. Times are milliseconds since the epoch, by the database's clock. */
export interface Move {
  readonly taskId: string;
  /** Null for an insert. */
  readonly from: string | null;
  readonly to: string;
  /** The row's attempt after the change. */
  readonly attempt: number;
  readonly at: number;
  /** The task's due time before the change. */
  readonly dueAt: number;
}

/** A task's row at the end of the run. */
export interface Row {
  readonly id: string;
  readonly status: string;
  readonly attempt: number;
  readonly kind: string;
  /** Number of the target's request whose answer is the result. */
  readonly hit: number | null;
}

/** A row of the engine's own table of attempts. */
export interface LedgerLine {
  readonly taskId: string;
  readonly attempt: number;
  readonly outcome: string;
  /** Number of the target's request whose answer failed the attempt. */
  readonly hit: number | null;
}

export interface Audit {
  /** Number of tasks that are not finished. */
  unfinished(): Promise<number>;
  /** Ids of tasks that failed or were cancelled since the previous call. */
  stopped(): Promise<string[]>;
  /** Ends every connection of the functions. @returns their number */
  cutConnections(): Promise<number>;
  /** All moves, in the order in which they happened to each task. */
  moves(): Promise<Move[]>;
  rows(): Promise<Row[]>;
  ledger(): Promise<LedgerLine[]>;
  close(): Promise<void>;
}

/**
 * A trigger of the superuser writes the moves, inside the engine's transactions but not by the engine's code. The moves
 * show what really happened to the rows.
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

/** SQL for a time in JavaScript's milliseconds. */
const MILLISECONDS = (column: string) => `(extract(epoch from ${column}) * 1000)::float8`;

/** SQL for the number in the target's answer `{"hit":17}`. Results and errors keep the text of the answer. */
const HIT = (column: string) => `substring(${column}->>'body' from '"hit":([0-9]+)')::int`;

/**
 * @param url URL of the database's superuser
 */
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
