import type { Database, Transaction } from '../database/connect.ts';
import type { Principal } from '../database/enter.ts';
import type { DispatchSettings, Outcome, Queue, Task, TaskStatus, Watched } from './task.ts';
import { MOVES } from './task.ts';

/*
 * Every change of a task's status, each in one guarded statement: it names the statuses that it leaves, uses the
 * database's clock, counts `seq` up, and returns the rows that it really changed with those who watch them.
 */

/** A new task, ready to be inserted. */
export type NewTask = {
  id: string;
  kind: string;
  name: string;
  description: string;
  payload: unknown;
  queue: Queue;
  /** RFC 3339; null means now. */
  scheduledTime: string | null;
  maxRetries: number;
};

/** Seconds until `run_at`, by the database's clock. */
export type Timed<T> = T & { dueInSeconds: number };

/** The statuses that a move may leave. */
const leaves = (move: keyof typeof MOVES): string[] => [...MOVES[move].from];

const columns = (db: Database | Transaction) => db`
  t.id, t.organization_id as "organizationId", t.created_by as "createdBy", t.kind, t.name, t.description, t.payload,
  t.queue, t.status, t.scheduled_time as "scheduledTime", t.run_at as "runAt", t.max_retries as "maxRetries", t.attempt,
  t.attempt_limit as "attemptLimit", t.crashes, t.started_at as "startedAt", t.finished_at as "finishedAt",
  t.cancel_requested_at as "cancelRequestedAt", t.result, t.error, t.seq, t.created_at as "createdAt",
  t.updated_at as "updatedAt"`;

const dueIn = (db: Database | Transaction) =>
  db`extract(epoch from t.run_at - clock_timestamp())::float8 as "dueInSeconds"`;

/**
 * Writes new tasks of one organization, all or none. Membership and role are looked up in the same statement.
 *
 * @param organizationId null for the principal's personal organization
 * @returns the tasks; empty when the principal may not write there
 */
export async function insert(
  db: Database,
  principal: Principal,
  organizationId: string | null,
  tasks: readonly NewTask[],
  { lookaheadSeconds, resendSeconds }: DispatchSettings,
): Promise<Timed<Task>[]> {
  return db<Timed<Task>[]>`
    with caller as materialized (
      select * from enter(${principal.userId}, ${principal.sessionId})
    ), home as (
      select organization_id from caller
      where role <> 'viewer' and coalesce(organization_id = ${organizationId}::uuid, personal)
    ), given as (
      select n.*, greatest(coalesce(n."scheduledTime", now()), now()) as run_at
      from jsonb_to_recordset(${JSON.stringify(tasks)}::jsonb) as n(id uuid, kind text, name text, description text,
        payload jsonb, queue text, "scheduledTime" timestamptz, "maxRetries" integer)
    )
    insert into tasks as t (id, organization_id, created_by, kind, name, description, payload, queue, status,
      scheduled_time, run_at, next_dispatch_at, max_retries, attempt_limit)
    select g.id, home.organization_id, ${principal.userId}, g.kind, g.name, g.description, g.payload, g.queue, 'SCHEDULED',
      coalesce(g."scheduledTime", now()), g.run_at,
      case when g.run_at <= now() + ${lookaheadSeconds} * interval '1 second'
        then g.run_at + ${resendSeconds} * interval '1 second'
        else g.run_at - ${lookaheadSeconds} * interval '1 second' end,
      g."maxRetries", g."maxRetries" + 1
    from given g cross join home
    returning ${columns(db)}, ${dueIn(db)}`;
}

/** A task that was asked for and could not be claimed yet. */
export type Unclaimed = {
  id: string;
  /** Negative or 0: it is due, but somebody had its row locked at that moment. */
  dueInSeconds: number;
  /** It has taken a worker down before, and is claimed alone. */
  suspect: boolean;
};

/**
 * Starts attempts: takes those of the given tasks that are due and that nobody else has.
 *
 * @param leaseSeconds how long the worker may be silent before others presume it dead
 * @param soonSeconds  tasks that become due within this time are returned unclaimed
 * @param alone        claims suspects too; otherwise they are returned unclaimed
 * @returns `claimed`: what now runs here; `unclaimed`: what is worth asking for again
 */
export async function claim(
  db: Database,
  ids: readonly string[],
  leaseSeconds: number,
  soonSeconds: number,
  alone = false,
): Promise<{ claimed: Watched<Task>[]; unclaimed: Unclaimed[] }> {
  const rows = await db<(Timed<Watched<Task>> & { unclaimed: boolean })[]>`
    with clock as materialized (
      select clock_timestamp() as now
    ), wanted as materialized (
      select t.* from tasks t, clock
      where t.id = any (${ids as string[]}::uuid[]) and t.status = any (${leaves('claim')}::text[])
        and t.run_at <= clock.now + ${soonSeconds} * interval '1 second'
    ), due as (
      select t.id from tasks t, clock
      where t.id in (select id from wanted) and t.status = any (${leaves('claim')}::text[])
        and t.run_at <= clock.now and (${alone} or t.crashes = 0)
      order by t.id
      for update of t skip locked
    ), claimed as (
      update tasks t
      set status = 'RUNNING', attempt = t.attempt + 1, lease_until = clock_timestamp() + ${leaseSeconds} * interval '1 second',
        next_dispatch_at = null, started_at = clock_timestamp(), updated_at = clock_timestamp(), seq = t.seq + 1
      from due where t.id = due.id
      returning t.*
    )
    select ${columns(db)}, t.watchers, 0::float8 as "dueInSeconds", false as unclaimed from claimed t
    union all
    select ${columns(db)}, t.watchers, extract(epoch from t.run_at - clock.now)::float8, true
    from wanted t, clock
    where t.id not in (select id from claimed)`;
  return {
    claimed: rows.filter((row) => !row.unclaimed),
    unclaimed: rows
      .filter((row) => row.unclaimed)
      .map(({ id, dueInSeconds, crashes }) => ({ id, dueInSeconds, suspect: crashes > 0 })),
  };
}

/**
 * Records the outcomes of attempts, in the row and in the ledger. An outcome whose `attempt` is no longer the row's is
 * from a worker that lost its lease: it changes nothing and is absent from the result.
 *
 * @returns the rows as written, each with the connections that watch it
 */
export async function settle(
  db: Database,
  outcomes: readonly Outcome[],
  { resendSeconds, lookaheadSeconds }: DispatchSettings,
): Promise<Timed<Watched<Task>>[]> {
  const given = outcomes.map((outcome) => ({
    id: outcome.id,
    attempt: outcome.attempt,
    outcome: outcome.kind,
    result: outcome.kind === 'complete' ? outcome.result : null,
    error: outcome.kind === 'complete' ? null : outcome.error,
    delay: outcome.kind === 'retry' ? outcome.delaySeconds : null,
  }));
  const to = db`case
    when o.outcome = 'complete' then 'COMPLETED'
    when t.cancel_requested_at is not null then 'CANCELLED'
    when o.outcome = 'retry' and t.attempt < t.attempt_limit then 'SCHEDULED'
    else 'FAILED' end`;
  const nextRun = db`clock_timestamp() + o.delay * interval '1 second'`;
  return db<Timed<Watched<Task>>[]>`
    with outcome as materialized (
      select * from jsonb_to_recordset(${JSON.stringify(given)}::jsonb)
        as o(id uuid, attempt integer, outcome text, result jsonb, error jsonb, delay float8)
    ), mine as (
      -- In the order of ids, as everything that waits for several rows: two such statements never wait for each other.
      select t.id from tasks t join outcome o on t.id = o.id and t.attempt = o.attempt
      where t.status = any (${leaves('complete')}::text[])
      order by t.id
      for update of t
    ), moved as (
      update tasks t
      set status = ${to},
        result = case when o.outcome = 'complete' then coalesce(o.result, 'null'::jsonb) end,
        error = case when ${to} <> 'CANCELLED' then o.error end,
        run_at = case when ${to} = 'SCHEDULED' then ${nextRun} else t.run_at end,
        next_dispatch_at = case when ${to} = 'SCHEDULED' then
          case when o.delay <= ${lookaheadSeconds} then ${nextRun} + ${resendSeconds} * interval '1 second'
            else ${nextRun} - ${lookaheadSeconds} * interval '1 second' end end,
        finished_at = case when ${to} <> 'SCHEDULED' then clock_timestamp() end,
        lease_until = null, updated_at = clock_timestamp(), seq = t.seq + 1
      from outcome o join mine on mine.id = o.id
      where t.id = o.id and t.attempt = o.attempt and t.status = any (${leaves('complete')}::text[])
      returning t.*
    ), ledger as (
      insert into attempts (task_id, attempt, organization_id, outcome, started_at, finished_at, delay_seconds, error)
      select t.id, t.attempt, t.organization_id,
        case t.status when 'COMPLETED' then 'completed' when 'SCHEDULED' then 'retried' when 'CANCELLED' then 'aborted' else 'failed' end,
        t.started_at, t.updated_at, case when t.status = 'SCHEDULED' then o.delay end, o.error
      from moved t join outcome o on o.id = t.id
    )
    select ${columns(db)}, t.watchers, ${dueIn(db)} from moved t`;
}

/** Renews the leases of running attempts. Absent from the result: attempts that are no longer this worker's. */
export async function renew(
  db: Database,
  running: readonly { id: string; attempt: number }[],
  leaseSeconds: number,
): Promise<{ id: string; attempt: number; cancelRequested: boolean }[]> {
  return db<{ id: string; attempt: number; cancelRequested: boolean }[]>`
    with mine as (
      select t.id from tasks t
      join jsonb_to_recordset(${JSON.stringify(running)}::jsonb) as r(id uuid, attempt integer)
        on t.id = r.id and t.attempt = r.attempt
      where t.status = 'RUNNING'
      order by t.id
      for update of t
    )
    update tasks t set lease_until = clock_timestamp() + ${leaseSeconds} * interval '1 second'
    from mine where t.id = mine.id
    returning t.id, t.attempt, t.cancel_requested_at is not null as "cancelRequested"`;
}

/**
 * Takes tasks whose worker died back from it: to run again after a short delay, or to fail where no attempt is left.
 *
 * @param ids   only these, whose message has come back; null for whichever have waited longest
 * @param limit rows at most
 */
export async function rescue(
  db: Database,
  ids: readonly string[] | null,
  limit: number,
): Promise<Timed<Watched<Task>>[]> {
  const error = JSON.stringify({
    code: 'worker_crashed',
    message:
      'The worker that ran this attempt died: it was killed, ran out of memory, or was cut off past its limit',
  });
  return db<Timed<Watched<Task>>[]>`
    with expired as (
      select t.id from tasks t
      where t.status = any (${leaves('rescue')}::text[]) and t.lease_until < clock_timestamp()
        and (${ids as string[] | null}::uuid[] is null or t.id = any (${ids as string[] | null}::uuid[]))
      order by t.lease_until
      limit ${limit}
      for update of t skip locked
    ), moved as (
      update tasks t
      set status = case when t.cancel_requested_at is not null then 'CANCELLED'
          when t.attempt < t.attempt_limit then 'SCHEDULED' else 'FAILED' end,
        error = ${error}::jsonb,
        crashes = t.crashes + 1,
        -- Doubles with every crash, up to a minute: whatever killed the worker gets time to pass. A message that
        -- came back has been waiting for its visibility timeout already.
        run_at = clock_timestamp() + case when ${ids as string[] | null}::uuid[] is null
          then least(60, power(2, t.crashes)) * random() else 0 end * interval '1 second',
        next_dispatch_at = case when t.cancel_requested_at is null and t.attempt < t.attempt_limit then clock_timestamp() end,
        finished_at = case when t.cancel_requested_at is not null or t.attempt >= t.attempt_limit then clock_timestamp() end,
        lease_until = null, updated_at = clock_timestamp(), seq = t.seq + 1
      from expired where t.id = expired.id
      returning t.*
    ), ledger as (
      insert into attempts (task_id, attempt, organization_id, outcome, started_at, finished_at, delay_seconds, error)
      select t.id, t.attempt, t.organization_id, 'crashed', t.started_at, t.updated_at,
        case when t.status = 'SCHEDULED' then extract(epoch from t.run_at - t.updated_at) end, t.error
      from moved t
    )
    select ${columns(db)}, t.watchers, ${dueIn(db)} from moved t`;
}

/**
 * Takes the tasks that need a message now: due within the look-ahead and not yet sent, or sent and not claimed for too
 * long. Each further message for the same task waits twice as long as the one before.
 */
export async function takeForDispatch(
  db: Database,
  limit: number,
  resendSeconds: number,
): Promise<{ id: string; organizationId: string; queue: Queue; dueInSeconds: number; suspect: boolean }[]> {
  return db`
    with due as (
      select t.id from tasks t
      where t.status = 'SCHEDULED' and t.next_dispatch_at <= clock_timestamp()
      order by t.next_dispatch_at
      limit ${limit}
      for update of t skip locked
    )
    update tasks t
    set dispatches = t.dispatches + 1,
      next_dispatch_at = greatest(t.run_at, clock_timestamp())
        + least(${resendSeconds} * power(2, least(t.dispatches, 10)), 86400) * interval '1 second'
    from due where t.id = due.id
    returning t.id, t.organization_id as "organizationId", t.queue, t.crashes > 0 as suspect, ${dueIn(db)}`;
}

/**
 * Gives tasks whose message could not be sent, or that no time was left for, back to the next tick. What somebody has
 * locked is in hands already. The message that led to nothing does not count towards the doubling of resends.
 */
export async function dispatchAgain(db: Database | Transaction, ids: readonly string[]): Promise<void> {
  await db`
    with given as (
      select t.id from tasks t
      where t.id = any (${ids as string[]}::uuid[]) and t.status = 'SCHEDULED'
      for update of t skip locked
    )
    update tasks t set next_dispatch_at = clock_timestamp(), dispatches = greatest(t.dispatches - 1, 0)
    from given where t.id = given.id`;
}

/**
 * Cancels a task: at once before its start; while it runs, by asking its worker to stop it.
 * Which of the two it was, the returned status says.
 *
 * @returns undefined when the task is not visible, may not be written, or is past cancelling
 */
export async function cancel(tx: Transaction, id: string): Promise<Watched<Task> | undefined> {
  const before = tx`t.status = any (${leaves('cancel')}::text[])`;
  const [task] = await tx<Watched<Task>[]>`
    update tasks t
    set status = case when ${before} then 'CANCELLED' else t.status end,
      finished_at = case when ${before} then clock_timestamp() end,
      cancel_requested_at = coalesce(t.cancel_requested_at, clock_timestamp()),
      next_dispatch_at = null, updated_at = clock_timestamp(), seq = t.seq + 1
    where t.id = ${id} and t.status = any (${[...leaves('cancel'), ...leaves('abort')]}::text[])
    returning ${columns(tx)}, t.watchers`;
  return task;
}

/** Runs a failed or cancelled task again, now, with as many attempts as it first had. */
export async function requeue(
  tx: Transaction,
  id: string,
  { resendSeconds }: DispatchSettings,
): Promise<Timed<Watched<Task>> | undefined> {
  const [task] = await tx<Timed<Watched<Task>>[]>`
    update tasks t
    set status = 'SCHEDULED', run_at = clock_timestamp(),
      next_dispatch_at = clock_timestamp() + ${resendSeconds} * interval '1 second',
      attempt_limit = t.attempt + 1 + t.max_retries, crashes = 0, dispatches = 0, started_at = null, finished_at = null,
      cancel_requested_at = null, result = null, error = null, updated_at = clock_timestamp(), seq = t.seq + 1
    where t.id = ${id} and t.status = any (${leaves('requeue')}::text[])
    returning ${columns(tx)}, t.watchers, ${dueIn(tx)}`;
  return task;
}

/** One task that the transaction's principal may see. */
export async function find(tx: Transaction, id: string): Promise<Task | undefined> {
  const [task] = await tx<Task[]>`select ${columns(tx)} from tasks t where t.id = ${id}`;
  return task;
}

export type TaskFilter = {
  organizationIds: readonly string[];
  createdBy: string | null;
  statuses: readonly TaskStatus[] | null;
  kind: string | null;
  /** RFC 3339, inclusive below and exclusive above. */
  createdFrom: string | null;
  createdTo: string | null;
  scheduledFrom: string | null;
  scheduledTo: string | null;
  /** Only tasks created before this one. */
  beforeId: string | null;
};

/** Tasks that match, newest first. */
export async function list(tx: Transaction, filter: TaskFilter, limit: number): Promise<Task[]> {
  // One short walk along each organization's own index: never along what others have.
  return tx<Task[]>`
    select ${columns(tx)}
    from unnest(${filter.organizationIds as string[]}::uuid[]) as mine(id)
    cross join lateral (
      select * from tasks t
      where t.organization_id = mine.id
        ${filter.beforeId ? tx`and t.id < ${filter.beforeId}` : tx``}
        ${filter.createdBy ? tx`and t.created_by = ${filter.createdBy}` : tx``}
        ${filter.statuses ? tx`and t.status = any (${filter.statuses as readonly string[] as string[]}::text[])` : tx``}
        ${filter.kind ? tx`and t.kind = ${filter.kind}` : tx``}
        ${filter.createdFrom ? tx`and t.created_at >= ${filter.createdFrom}::text::timestamptz` : tx``}
        ${filter.createdTo ? tx`and t.created_at < ${filter.createdTo}::text::timestamptz` : tx``}
        ${filter.scheduledFrom ? tx`and t.scheduled_time >= ${filter.scheduledFrom}::text::timestamptz` : tx``}
        ${filter.scheduledTo ? tx`and t.scheduled_time < ${filter.scheduledTo}::text::timestamptz` : tx``}
      order by t.organization_id, t.id desc
      limit ${limit}
    ) t
    order by t.id desc
    limit ${limit}`;
}
