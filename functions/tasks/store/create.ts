import type { Database, Transaction } from '../../database/connect.ts';
import type { Principal } from '../../database/enter.ts';
import type { DispatchSettings, Queue, RetryPolicy, Task } from '../task.ts';
import { columns, dueIn, nextDispatch, type Timed } from './columns.ts';

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
  retryPolicy: Partial<RetryPolicy> | null;
  softSeconds: number | null;
  hardSeconds: number | null;
  uniqueKey: string | null;
  concurrencyKey: string | null;
  concurrencyLimit: number | null;
  /** Ids of tasks of the same organization, which `awaitTasks` has marked in the same transaction; null for none. */
  dependsOn: readonly string[] | null;
};

/** The batch that new tasks belong to. */
export type NewBatch = { id: string; name: string; queue: Queue };

/** What a message needs to know of a task. */
export type Wakeable = Timed<Pick<Task, 'id' | 'organizationId' | 'queue' | 'status'>>;

/** The organization that the principal may write to: the named one, or the personal one. */
const home = (
  db: Database | Transaction,
  { userId, sessionId }: Principal,
  organizationId: string | null,
) => db`
  caller as materialized (
    select * from enter(${userId}, ${sessionId})
  ), home as (
    select organization_id from caller
    where role <> 'viewer' and coalesce(organization_id = ${organizationId}::uuid, personal)
  )`;

const insertion = (
  db: Database | Transaction,
  { userId }: Principal,
  tasks: readonly NewTask[],
  batch: NewBatch | null,
  dispatch: DispatchSettings,
) => db`
  insert into tasks as t (id, organization_id, created_by, batch_id, kind, name, description, payload, queue, status,
    scheduled_time, run_at, next_dispatch_at, max_retries, attempt_limit, retry_policy, soft_seconds, hard_seconds,
    unique_key, concurrency_key, concurrency_limit)
  select g.id, home.organization_id, ${userId}, ${batch?.id ?? null}::uuid, g.kind, g.name, g.description, g.payload, g.queue,
    case when g.waits then 'PENDING' else 'SCHEDULED' end, coalesce(g."scheduledTime", now()), g.run_at,
    case when not g.waits then ${nextDispatch(db, db`g.run_at`, dispatch)} end,
    g."maxRetries", g."maxRetries" + 1, g."retryPolicy", g."softSeconds", g."hardSeconds",
    g."uniqueKey", g."concurrencyKey", g."concurrencyLimit"
  from (
    select n.*, greatest(coalesce(n."scheduledTime", now()), now()) as run_at,
      n."dependsOn" is not null
        and exists (select from tasks p where p.id = any (n."dependsOn") and p.status <> 'COMPLETED') as waits
    from jsonb_to_recordset(${JSON.stringify(tasks)}::jsonb) as n(id uuid, kind text, name text, description text,
      payload jsonb, queue text, "scheduledTime" timestamptz, "maxRetries" integer, "retryPolicy" jsonb,
      "softSeconds" float8, "hardSeconds" float8, "uniqueKey" text, "concurrencyKey" text, "concurrencyLimit" integer,
      "dependsOn" uuid[])
  ) g cross join home`;

/**
 * Writes new tasks of one organization, all or none. Membership and role are looked up in the same statement.
 *
 * @param organizationId null for the principal's personal organization
 * @returns the tasks; empty when the principal may not write there
 * @throws the database's error `23505` when a unique key is taken by a live task
 */
export async function insert(
  db: Database | Transaction,
  principal: Principal,
  organizationId: string | null,
  tasks: readonly NewTask[],
  dispatch: DispatchSettings,
): Promise<Timed<Task>[]> {
  return db<Timed<Task>[]>`
    with ${home(db, principal, organizationId)}
    ${insertion(db, principal, tasks, null, dispatch)}
    returning ${columns(db)}, ${dueIn(db)}`;
}

/** Writes down what a new task waits for. */
export async function insertDependencies(
  tx: Transaction,
  { id, organizationId }: Pick<Task, 'id' | 'organizationId'>,
  dependsOn: readonly string[],
): Promise<void> {
  await tx`
    insert into task_dependencies (task_id, depends_on, organization_id)
    select ${id}, unnest(${dependsOn as string[]}::uuid[]), ${organizationId}`;
}

/**
 * Writes a batch with its tasks, in one statement.
 *
 * @param tasks   at least one, their ids ascending
 * @param partial leaves out tasks whose unique key is taken, or whose id is there already, instead of writing none
 * @returns the tasks written; empty when the principal may not write there, or when all were left out
 * @throws the database's error `23505` when, without `partial`, a unique key is taken
 */
export async function insertBatch(
  db: Database,
  principal: Principal,
  organizationId: string | null,
  batch: NewBatch,
  tasks: readonly NewTask[],
  dispatch: DispatchSettings,
  partial = false,
): Promise<Wakeable[]> {
  return db<Wakeable[]>`
    with ${home(db, principal, organizationId)}, made as (
      ${insertion(db, principal, tasks, batch, dispatch)}
      ${partial ? db`on conflict do nothing` : db``}
      returning t.id, t.organization_id, t.queue, t.status, t.run_at
    ), batch as (
      insert into batches (id, organization_id, created_by, name, queue, total, first_task_id, last_task_id)
      select ${batch.id}, home.organization_id, ${principal.userId}, ${batch.name}, ${batch.queue}, count(*),
        ${tasks[0]?.id ?? null}::uuid, ${tasks.at(-1)?.id ?? null}::uuid
      from made join home using (organization_id)
      group by home.organization_id
    )
    select t.id, t.organization_id as "organizationId", t.queue, t.status, ${dueIn(db)} from made t`;
}
