import type { Database, Transaction } from '../../../database/connect.ts';
import { pendingCountersSql } from './pending-counters.ts';
import { finishedSql } from './statuses.ts';

/**
 * Parts of a `with` that keep the counters of batches and of unfinished tasks. Every statement that brings tasks to a terminal
 * status, or back from one, ends with them. Relation `counters` has the batches as written.
 *
 * @param source relation with `organization_id`, `created_by`, `batch_id` and the terminal `status` of the tasks; rows with
 *   another status do not count
 * @param sign   1 when the tasks have reached that status, -1 when they have left it
 */
export const batchCountersSql = (db: Database | Transaction, source: string, sign: 1 | -1) => db`
  delta as materialized (
    select m.batch_id,
      ${sign}::integer * count(*) filter (where m.status = 'COMPLETED') as completed,
      ${sign}::integer * count(*) filter (where m.status = 'FAILED') as failed,
      ${sign}::integer * count(*) filter (where m.status = 'CANCELLED') as cancelled
    from ${db(source)} m
    where m.batch_id is not null and m.status in ${finishedSql(db)}
    group by m.batch_id
  ), counted as materialized (
    select b.id from batches b where b.id in (select d.batch_id from delta d)
    order by b.id
    for update of b
  ), counters as (
    update batches b
    set completed = b.completed + d.completed, failed = b.failed + d.failed, cancelled = b.cancelled + d.cancelled,
      finished_at = case
        when b.sealed and b.completed + d.completed + b.failed + d.failed + b.cancelled + d.cancelled = b.total
        then clock_timestamp() end,
      updated_at = clock_timestamp(), seq = b.seq + 1
    from delta d join counted c on c.id = d.batch_id
    where b.id = d.batch_id
    returning b.*
  ), ${pendingCountersSql(db, source, { each: sign === 1 ? -1 : 1, where: db`m.status in ${finishedSql(db)}` })}`;

/** `counters` without a row, for moves that change no counter. */
export const unchangedBatchCountersSql = (db: Database | Transaction) =>
  db`counters as (select b.* from batches b where false)`;

/** The columns of a `Batch`, from the relation `b`, as a JSON object. Times are in Postgres's format. */
export const batchJsonSql = (db: Database | Transaction) => db`
  jsonb_build_object('id', b.id, 'organizationId', b.organization_id, 'createdBy', b.created_by, 'name', b.name,
    'queue', b.queue, 'total', b.total, 'completed', b.completed, 'failed', b.failed, 'cancelled', b.cancelled,
    'firstTaskId', b.first_task_id, 'lastTaskId', b.last_task_id, 'importTaskId', b.import_task_id, 'sealed', b.sealed, 'seq', b.seq,
    'createdAt', b.created_at, 'updatedAt', b.updated_at, 'finishedAt', b.finished_at, 'watchers', b.watchers)`;

/** The task's batch from `counters`, if it is watched or has finished now. */
export const watchedBatchSql = (db: Database | Transaction) => db`
  (select ${batchJsonSql(db)} from counters b where b.id = t.batch_id and (b.watchers <> '{}' or b.finished_at is not null)) as batch`;
