import type { Database, Transaction } from '../../../database/connect.ts';
import type { NewBatch, NewTask } from '../../new-task.ts';
import type { Batch, DispatchSettings, Task, Watched } from '../../task.ts';
import { batchJsonSql } from '../fragments/batch-counters.ts';
import { dueInSecondsSql, type Fragment, type Timed } from '../fragments/columns.ts';
import { insertTasksSql } from '../fragments/insert-tasks.ts';
import { type FullBound, fullBoundSql, pendingCountersSql } from '../fragments/pending-counters.ts';
import { unfinishedSql } from '../fragments/statuses.ts';

export type WatchedBatch = NonNullable<Watched<object>['batch']>;

/** Writes a batch that gets its tasks later, into an organization that the principal may write to. */
export async function insertImport(
  tx: Transaction,
  {
    batch: { id, name, queue },
    organizationId,
    userId,
    given,
  }: {
    batch: NewBatch;
    organizationId: string;
    userId: string;
    given: { importTask: string; etag: string; first: string; last: string };
  },
): Promise<Batch> {
  const [row] = await tx<{ batch: Batch }[]>`
    with b as (
      insert into batches (id, organization_id, created_by, name, queue, sealed, import_task_id, import_etag, first_task_id, last_task_id)
      values (${id}, ${organizationId}, ${userId}, ${name}, ${queue}, false, ${given.importTask}, ${given.etag}, ${given.first},
        ${given.last})
      returning *
    )
    select ${batchJsonSql(tx)} as batch from b`;
  if (!row) throw new Error('The statement that writes a batch returned no row');
  return row.batch;
}

/** Identifies a running attempt of an import. */
export type ImportAttempt = { taskId: string; attempt: number; batchId: string };

/**
 * Relation `job`: the import that a running attempt carries out, unless a cancel was requested. A concurrent cancel waits until
 * the statement ends, and then sees everything that the statement has written.
 */
const runningImportSql = (
  db: Database | Transaction,
  { taskId, attempt, batchId }: ImportAttempt,
): Fragment => db`
  running as materialized (
    select t.organization_id, t.created_by from tasks t
    where t.id = ${taskId} and t.attempt = ${attempt} and t.status = 'RUNNING' and t.cancel_requested_at is null
    for share of t
  ), job as materialized (
    select b.id, b.organization_id, running.created_by from batches b join running using (organization_id)
    where b.id = ${batchId} and b.import_task_id = ${taskId}
  )`;

/** State of an import. */
export type FoundImport = {
  organizationId: string;
  createdBy: string | null;
  /** True when the user who asked for the import may create tasks in the organization at this moment. */
  mayWrite: boolean;
  /** ETag of the upload when its import was asked for; null for an import from before ETags were kept. */
  etag: string | null;
  /** Number of tasks that the import has written. */
  total: number;
  sealed: boolean;
  lastTaskId: string;
  /** The last task that was written. */
  lastWritten: string | null;
};

/** Returns the owner and the progress of an import; undefined when this attempt no longer has it. */
export async function findImport(db: Database, attempt: ImportAttempt): Promise<FoundImport | undefined> {
  const [row] = await db<FoundImport[]>`
    with ${runningImportSql(db, attempt)}
    select b.organization_id as "organizationId", job.created_by as "createdBy",
      may_write(job.created_by, b.organization_id) as "mayWrite", b.import_etag as etag, b.total, b.sealed,
      b.last_task_id as "lastTaskId",
      (select t.id from tasks t
        where t.organization_id = b.organization_id and t.id between b.first_task_id and b.last_task_id
          and t.batch_id = b.id
        order by t.organization_id, t.id desc limit 1) as "lastWritten"
    from batches b join job on job.id = b.id`;
  return row;
}

/** Reopens a sealed batch for further tasks, when its failed or cancelled import runs again. */
export async function unseal(db: Database, attempt: ImportAttempt): Promise<WatchedBatch | undefined> {
  const [row] = await db<{ batch: WatchedBatch }[]>`
    with ${runningImportSql(db, attempt)}, b as (
      update batches b
      set sealed = false, finished_at = null, updated_at = clock_timestamp(), seq = b.seq + 1
      from job where b.id = job.id and b.sealed
      returning b.*
    )
    select ${batchJsonSql(db)} as batch from b`;
  return row?.batch;
}

/**
 * Writes those tasks of an import that do not exist yet, and counts them.
 *
 * @returns undefined when this attempt no longer has the import, or its user may no longer write there; `full` when there is no
 *   room for the tasks
 */
export async function insertImported(
  db: Database | Transaction,
  {
    attempt,
    createdBy,
    tasks,
    dispatch,
  }: {
    attempt: ImportAttempt;
    createdBy: string | null;
    tasks: readonly NewTask[];
    dispatch: DispatchSettings;
  },
): Promise<
  { batch: WatchedBatch; tasks: Timed<Pick<Task, 'id' | 'status'>>[]; full: FullBound | null } | undefined
> {
  type Line = Timed<Pick<Task, 'id' | 'status'>> & { batch: WatchedBatch | null; full: FullBound | null };
  const owners = { organizationId: db`job.organization_id`, userId: db`job.created_by`, count: tasks.length };
  const [first, ...rows] = await db<Line[]>`
    with ${runningImportSql(db, attempt)}, room as materialized (
      select job.organization_id, ${fullBoundSql(db, owners)} as full
      from job where may_write(job.created_by, job.organization_id)
    ), home as materialized (
      select r.organization_id from room r where r.full is null
    ), made as (
      ${insertTasksSql(db, { createdBy, tasks, batchId: attempt.batchId, dispatch })}
      on conflict do nothing
      returning t.id, t.organization_id, t.created_by, t.status, t.run_at
    ), ${pendingCountersSql(db, 'made', { each: 1 })}, b as (
      update batches b
      set total = b.total + (select count(*) from made), updated_at = clock_timestamp(), seq = b.seq + 1
      from job join room using (organization_id) where b.id = job.id and not b.sealed
      returning b.*
    )
    select ${batchJsonSql(db)} as batch, b.id, '' as status, 0::float8 as "dueInSeconds", (select r.full from room r) as full from b
    union all
    select null, t.id, t.status, ${dueInSecondsSql(db)}, null from made t`;
  return first?.batch ? { batch: first.batch, tasks: rows, full: first.full } : undefined;
}

const sealSql = (db: Database) => db`
  sealed = true, updated_at = clock_timestamp(), seq = b.seq + 1,
  finished_at = case when b.completed + b.failed + b.cancelled = b.total then clock_timestamp() end`;

/**
 * Seals a batch: it gets no more tasks.
 *
 * @param lastTaskId the highest id that a task of the batch may have, when the import is complete; null when it is not
 * @returns undefined when this attempt no longer has the import
 */
export async function seal(
  db: Database,
  attempt: ImportAttempt,
  lastTaskId: string | null,
): Promise<WatchedBatch | undefined> {
  const [row] = await db<{ batch: WatchedBatch }[]>`
    with ${runningImportSql(db, attempt)}, b as (
      update batches b set ${sealSql(db)}, last_task_id = coalesce(${lastTaskId}::uuid, b.last_task_id)
      from job where b.id = job.id and not b.sealed
      returning b.*
    )
    select ${batchJsonSql(db)} as batch from b`;
  return row?.batch;
}

/** Seals at most `limit` batches whose import failed or was cancelled without sealing. */
export async function sealAbandoned(db: Database, limit: number): Promise<WatchedBatch[]> {
  const rows = await db<{ batch: WatchedBatch }[]>`
    with abandoned as (
      select b.id from batches b
      where not b.sealed and not exists (
        select from tasks t where t.id = b.import_task_id and t.status in ${unfinishedSql(db)}
      )
      order by b.id
      limit ${limit}
      for update of b skip locked
    ), b as (
      update batches b set ${sealSql(db)} from abandoned where b.id = abandoned.id
      returning b.*
    )
    select ${batchJsonSql(db)} as batch from b`;
  return rows.map(({ batch }) => batch);
}

/** Returns the given unique keys that live tasks of the organization outside this batch have. */
export async function uniqueKeysTakenByOthers(
  db: Database,
  { organizationId, batchId, keys }: { organizationId: string; batchId: string; keys: readonly string[] },
): Promise<string[]> {
  const rows = await db<{ key: string }[]>`
    select t.unique_key as key from tasks t
    where t.organization_id = ${organizationId} and t.unique_key = any (${keys as string[]}::text[])
      and t.status in ${unfinishedSql(db)} and t.batch_id is distinct from ${batchId}::uuid`;
  return rows.map(({ key }) => key);
}
