import type { Database, Transaction } from '../../database/connect.ts';
import type { Principal } from '../../database/enter.ts';
import type { NewBatch, NewTask } from '../new-task.ts';
import type { Batch, DispatchSettings, Task } from '../task.ts';
import { batchJsonSql } from './fragments/batch-counters.ts';
import { dueInSecondsSql, type Timed, taskColumnsSql } from './fragments/columns.ts';
import { insertTasksSql } from './fragments/insert-tasks.ts';
import { fullBoundSql, pendingCountersSql } from './fragments/pending-counters.ts';

/** `home`: the named or the personal organization, if the principal may write to it and it has room for `count` more tasks. */
const writableOrganizationSql = (
  db: Database | Transaction,
  {
    principal: { userId, sessionId },
    organizationId,
    count,
  }: { principal: Principal; organizationId: string | null; count: number },
) => db`
  caller as materialized (
    select organization_id, role from enter_organization(${userId}, ${sessionId}, ${organizationId})
  ), home as materialized (
    select c.organization_id from caller c
    where c.role <> 'viewer'
      and ${fullBoundSql(db, { organizationId: db`c.organization_id`, userId: db`${userId}::uuid`, count })} is null
  )`;

/**
 * Writes new tasks of one organization, all or none. The statement also looks up membership and role.
 *
 * @param organizationId null for the principal's personal organization
 * @returns the tasks; empty when the principal may not write there, or when a bound is full
 * @throws the database's error `23505` when a live task has one of the unique keys
 */
export async function insert(
  db: Database | Transaction,
  {
    principal,
    organizationId,
    tasks,
    dispatch,
  }: {
    principal: Principal;
    organizationId: string | null;
    tasks: readonly NewTask[];
    dispatch: DispatchSettings;
  },
): Promise<Timed<Task>[]> {
  return db<Timed<Task>[]>`
    with ${writableOrganizationSql(db, { principal, organizationId, count: tasks.length })}, t as (
      ${insertTasksSql(db, { createdBy: principal.userId, tasks, batchId: null, dispatch })}
      returning t.*
    ), ${pendingCountersSql(db, 't', { each: 1 })}
    select ${taskColumnsSql(db)}, ${dueInSecondsSql(db)} from t`;
}

/** The fields of a task that its message needs. */
export type Wakeable = Timed<Pick<Task, 'id' | 'organizationId' | 'queue' | 'status'>>;

/** A new batch, and the tasks that were written. */
export type WrittenBatch = { batch: Batch; tasks: Timed<Pick<Task, 'id' | 'status'>>[] };

/** Stores the dependencies of new tasks of one organization, in one statement. */
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
 * @param partial leaves out tasks whose unique key is taken, or whose id exists already, instead of writing none
 * @returns undefined when the principal may not write there, when a bound is full, or when all tasks were left out
 * @throws the database's error `23505` when, without `partial`, a unique key is taken
 */
export async function insertBatch(
  db: Database | Transaction,
  {
    principal,
    organizationId,
    batch,
    tasks,
    dispatch,
    partial = false,
  }: {
    principal: Principal;
    organizationId: string | null;
    batch: NewBatch;
    tasks: readonly NewTask[];
    dispatch: DispatchSettings;
    partial?: boolean | undefined;
  },
): Promise<WrittenBatch | undefined> {
  const [first, ...rows] = await db<(WrittenBatch['tasks'][number] & { batch: Batch | null })[]>`
    with ${writableOrganizationSql(db, { principal, organizationId, count: tasks.length })}, made as (
      ${insertTasksSql(db, { createdBy: principal.userId, tasks, batchId: batch.id, dispatch })}
      ${partial ? db`on conflict do nothing` : db``}
      returning t.id, t.organization_id, t.created_by, t.status, t.run_at
    ), ${pendingCountersSql(db, 'made', { each: 1 })}, batch as (
      insert into batches (id, organization_id, created_by, name, queue, total, first_task_id, last_task_id)
      select ${batch.id}, home.organization_id, ${principal.userId}, ${batch.name}, ${batch.queue}, count(*),
        ${tasks[0]?.id ?? null}::uuid, ${tasks.at(-1)?.id ?? null}::uuid
      from made join home using (organization_id)
      group by home.organization_id
      returning *
    )
    select ${batchJsonSql(db)} as batch, b.id, '' as status, 0::float8 as "dueInSeconds" from batch b
    union all
    select null, t.id, t.status, ${dueInSecondsSql(db)} from made t`;
  return first?.batch ? { batch: first.batch, tasks: rows } : undefined;
}
