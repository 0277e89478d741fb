import type { Database, Transaction } from '../../database/connect.ts';
import type { Batch } from '../task.ts';
import { batchJsonSql } from './fragments/batch-counters.ts';
import { type ListOwner, newestRowsSql } from './fragments/newest.ts';
import { unfinishedSql } from './fragments/statuses.ts';

/** A batch, and the number of its tasks that run at this moment. */
export type BatchNow = Batch & { running: number };

/**
 * Relation `running`: number of running tasks of each batch in `b`. It reads the index of running tasks, not all tasks of a
 * batch.
 */
const runningTasksSql = (tx: Transaction) => tx`
  running as materialized (
    select r.batch_id, count(*)::integer as tasks from tasks r
    -- An array makes Postgres compare the batch before it applies the policy.
    where r.status = 'RUNNING' and r.batch_id = any (array(select b.id from b))
    group by r.batch_id
  )`;

const batchesWithRunningSql = (tx: Transaction) => tx`
  select ${batchJsonSql(tx)} as batch, coalesce(r.tasks, 0) as running
  from b left join running r on r.batch_id = b.id`;

type Row = { batch: Batch; running: number };
const batchNow = ({ batch, running }: Row): BatchNow => ({ ...batch, running });

/** Finds a batch that the transaction's principal may see. */
export async function findBatch(tx: Transaction, id: string): Promise<BatchNow | undefined> {
  const [row] = await tx<Row[]>`
    with b as materialized (
      select * from batches b where b.id = ${id}
    ), ${runningTasksSql(tx)}
    ${batchesWithRunningSql(tx)}`;
  return row && batchNow(row);
}

/** Lists batches, newest first. @param beforeId only older batches than this one */
export async function listBatches(
  tx: Transaction,
  { beforeId, ...whose }: ListOwner & { beforeId: string | null },
  limit: number,
): Promise<BatchNow[]> {
  // Running tasks are counted once, not once for each batch.
  const rows = await tx<Row[]>`
    ${newestRowsSql(tx, {
      table: 'batches',
      whose,
      matching: beforeId ? tx`and t.id < ${beforeId}` : tx``,
      newestOfEach: tx`newest_batch_of_each(${limit}, ${beforeId})`,
      limit,
    })}, b as materialized (select * from newest), ${runningTasksSql(tx)}
    ${batchesWithRunningSql(tx)}
    order by b.id desc`;
  return rows.map(batchNow);
}

/** Returns the given tasks that exist and that the transaction's principal, or the function's role, may see. */
export async function existingTasks(
  tx: Database | Transaction,
  ids: readonly string[],
): Promise<{ id: string }[]> {
  return tx<{ id: string }[]>`select t.id from tasks t where t.id = any (${ids as string[]}::uuid[])`;
}

/** Returns the given unique keys that live tasks of the organization have. */
export async function takenUniqueKeys(
  tx: Transaction,
  organizationId: string,
  keys: readonly string[],
): Promise<string[]> {
  const rows = await tx<{ key: string }[]>`
    select t.unique_key as key from tasks t
    where t.organization_id = ${organizationId} and t.unique_key = any (${keys as string[]}::text[])
      and t.status in ${unfinishedSql(tx)}`;
  return rows.map(({ key }) => key);
}
