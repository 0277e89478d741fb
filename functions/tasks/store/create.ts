import type { Database, Transaction } from '../../database/connect.ts';
import type { Principal } from '../../database/enter.ts';
import { JsonText } from '../../exact-json/json-text.ts';
import type { Batch, DispatchSettings, Queue, RetryPolicy, Task } from '../task.ts';
import { batchJson } from './fragments/batch-counters.ts';
import { columns, dueIn, nextDispatch, type Timed } from './fragments/columns.ts';
import { counting, fullBoundFor } from './pending.ts';

/** A new task, ready to be inserted. */
export type NewTask = {
  id: string;
  kind: string;
  name: string;
  description: string;
  /** A `JsonText`, which is stored as it is, or a value. */
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
  /** Whether attempts of its kind only wait for the network. */
  waitsForNetwork: boolean;
  /** Ids of tasks of the same organization, which `awaitTasks` has marked in the same transaction; null for none. */
  dependsOn: readonly string[] | null;
};

/** The batch that new tasks belong to. */
export type NewBatch = { id: string; name: string; queue: Queue };

/** The organization that the principal may write to, the named one or the personal one, if there is room for so many more tasks. */
const home = (
  db: Database | Transaction,
  { userId, sessionId }: Principal,
  organizationId: string | null,
  count: number,
) => db`
  caller as materialized (
    select organization_id, role from enter_organization(${userId}, ${sessionId}, ${organizationId})
  ), home as materialized (
    select c.organization_id from caller c
    where c.role <> 'viewer'
      and ${fullBoundFor(db, { organizationId: db`c.organization_id`, userId: db`${userId}::uuid`, count })} is null
  )`;

/** Writes tasks into the organization that the relation `home` names. */
export const insertion = (
  db: Database | Transaction,
  createdBy: string | null,
  tasks: readonly NewTask[],
  batchId: string | null,
  dispatch: DispatchSettings,
) => db`
  insert into tasks as t (id, organization_id, created_by, batch_id, kind, name, description, payload, exact_payload, queue, status,
    scheduled_time, run_at, next_dispatch_at, max_retries, attempt_limit, retry_policy, soft_seconds, hard_seconds,
    unique_key, concurrency_key, concurrency_limit, waits_for_network)
  select g.id, home.organization_id, ${createdBy}::uuid, ${batchId}::uuid, g.kind, g.name, g.description, g.payload,
    case when g.written <> g.payload::text then g.written::json end, g.queue,
    case when g.waits then 'PENDING' else 'SCHEDULED' end, coalesce(g.scheduled_time, now()), g.run_at,
    case when not g.waits then ${nextDispatch(db, db`g.run_at`, dispatch)} end,
    g.max_retries, g.max_retries + 1, nullif(g.rare -> 'retryPolicy', 'null'), (g.rare ->> 'softSeconds')::float8,
    (g.rare ->> 'hardSeconds')::float8, g.rare ->> 'uniqueKey', g.rare ->> 'concurrencyKey',
    (g.rare ->> 'concurrencyLimit')::integer, g.kind = any (${waitingKinds(tasks)}::text[])
  from (
    select n.*, greatest(n.scheduled_time, now()) as run_at, ${waits(db, tasks)} as waits
    from (
      select u.id, u.kind, u.name, u.description, u.payload::jsonb, u.payload as written, u.queue, u.retries::integer as max_retries,
        nullif(u.time, '')::timestamptz as scheduled_time, nullif(u.rare, '')::jsonb as rare
      from unnest(${tasks.map(({ id }) => id)}::uuid[], ${tasks.map(({ kind }) => kind)}::text[],
        ${tasks.map(({ name }) => name)}::text[], ${tasks.map(({ description }) => description)}::text[],
        ${tasks.map(({ payload }) => JsonText.of(payload).text)}::text[], ${tasks.map(({ queue }) => queue)}::text[],
        ${tasks.map(({ scheduledTime }) => scheduledTime ?? '')}::text[],
        ${tasks.map(({ maxRetries }) => String(maxRetries))}::text[], ${tasks.map(rareOf)}::text[])
        as u(id, kind, name, description, payload, queue, time, retries, rare)
    ) n
  ) g cross join home`;

/** The kinds among these tasks that wait for the network. */
const waitingKinds = (tasks: readonly NewTask[]): string[] => [
  ...new Set(tasks.flatMap(({ kind, waitsForNetwork }) => (waitsForNetwork ? kind : []))),
];

/**
 * Whether a task waits for others that are not completed. Not even asked of tasks that depend on none: for the sake of that
 * question, which it takes for costly, Postgres would plan each insertion anew instead of keeping a plan.
 */
const waits = (db: Database | Transaction, tasks: readonly NewTask[]) =>
  tasks.some(({ dependsOn }) => dependsOn)
    ? db`n.rare is not null and exists (
        select from jsonb_array_elements_text(coalesce(nullif(n.rare -> 'dependsOn', 'null'), '[]')) as d(id)
        -- One by one, by id. A join may begin with all tasks that the principal may read.
        where (select p.status from tasks p where p.id = d.id::uuid) <> 'COMPLETED'
      )`
    : db`false`;

/** What few tasks have, as JSON; empty for a task that has none of it. Columns one by one cost ten thousand tasks half a second. */
function rareOf(task: NewTask): string {
  const { retryPolicy, softSeconds, hardSeconds, uniqueKey, concurrencyKey, concurrencyLimit, dependsOn } =
    task;
  const rare = {
    retryPolicy,
    softSeconds,
    hardSeconds,
    uniqueKey,
    concurrencyKey,
    concurrencyLimit,
    dependsOn,
  };
  return Object.values(rare).every((value) => value === null) ? '' : JSON.stringify(rare);
}

/**
 * Writes new tasks of one organization, all or none. Membership and role are looked up in the same statement.
 *
 * @param organizationId null for the principal's personal organization
 * @returns the tasks; empty when the principal may not write there, or when a bound is full
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
    with ${home(db, principal, organizationId, tasks.length)}, t as (
      ${insertion(db, principal.userId, tasks, null, dispatch)}
      returning t.*
    ), ${counting(db, 't', { each: 1 })}
    select ${columns(db)}, ${dueIn(db)} from t`;
}

/** What a message needs to know of a task. */
export type Wakeable = Timed<Pick<Task, 'id' | 'organizationId' | 'queue' | 'status'>>;

/** A new batch, and those of its tasks that were written. */
export type WrittenBatch = { batch: Batch; tasks: Timed<Pick<Task, 'id' | 'status'>>[] };

/** Writes down what new tasks of one organization wait for, in one statement. */
export async function insertDependencies(
  tx: Transaction,
  organizationId: string,
  tasks: readonly Pick<NewTask, 'id' | 'dependsOn'>[],
): Promise<void> {
  const edges = tasks.flatMap(({ id, dependsOn }) => (dependsOn ?? []).map((other) => ({ id, other })));
  if (edges.length === 0) return;
  await tx`
    insert into task_dependencies (task_id, depends_on, organization_id)
    select e.task_id, e.depends_on, ${organizationId}::uuid
    from unnest(${edges.map(({ id }) => id)}::uuid[], ${edges.map(({ other }) => other)}::uuid[])
      as e(task_id, depends_on)`;
}

/**
 * Writes a batch with its tasks, in one statement.
 *
 * @param tasks   at least one, their ids ascending
 * @param partial leaves out tasks whose unique key is taken, or whose id is there already, instead of writing none
 * @returns undefined when the principal may not write there, when a bound is full, or when all were left out
 * @throws the database's error `23505` when, without `partial`, a unique key is taken
 */
export async function insertBatch(
  db: Database | Transaction,
  principal: Principal,
  organizationId: string | null,
  batch: NewBatch,
  tasks: readonly NewTask[],
  dispatch: DispatchSettings,
  partial = false,
): Promise<WrittenBatch | undefined> {
  const [first, ...rows] = await db<(WrittenBatch['tasks'][number] & { batch: Batch | null })[]>`
    with ${home(db, principal, organizationId, tasks.length)}, made as (
      ${insertion(db, principal.userId, tasks, batch.id, dispatch)}
      ${partial ? db`on conflict do nothing` : db``}
      returning t.id, t.organization_id, t.created_by, t.status, t.run_at
    ), ${counting(db, 'made', { each: 1 })}, batch as (
      insert into batches (id, organization_id, created_by, name, queue, total, first_task_id, last_task_id)
      select ${batch.id}, home.organization_id, ${principal.userId}, ${batch.name}, ${batch.queue}, count(*),
        ${tasks[0]?.id ?? null}::uuid, ${tasks.at(-1)?.id ?? null}::uuid
      from made join home using (organization_id)
      group by home.organization_id
      returning *
    )
    select ${batchJson(db)} as batch, b.id, '' as status, 0::float8 as "dueInSeconds" from batch b
    union all
    select null, t.id, t.status, ${dueIn(db)} from made t`;
  return first?.batch ? { batch: first.batch, tasks: rows } : undefined;
}
