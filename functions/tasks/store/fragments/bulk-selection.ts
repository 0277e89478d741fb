import type { Transaction } from '../../../database/connect.ts';
import { MOVES, type Queue, type TaskStatus } from '../../task.ts';
import type { Fragment } from './columns.ts';
import { unfinishedSql } from './statuses.ts';

/** Which tasks of one organization are meant. What is null does not matter. */
export type Selection = {
  organizationId: string;
  ids: readonly string[] | null;
  batch: { id: string; firstTaskId: string | null; lastTaskId: string | null } | null;
  statuses: readonly TaskStatus[] | null;
  kind: string | null;
  queue: Queue | null;
  createdBy: string | null;
  /** RFC 3339, inclusive below and exclusive above. */
  createdFrom: string | null;
  createdTo: string | null;
  scheduledFrom: string | null;
  scheduledTo: string | null;
  /** RFC 3339. Tasks that are to start then already, or at once when it is past, are not meant. */
  notAt?: string | null;
};

/** Tasks that one statement changes at most, and those that it looks at to find them: what bounds its time and its locks. */
export const BULK_STEP = { changed: 1_000, seen: 20_000 } as const;

/** Where a statement has come to, of all the tasks that are meant. */
export type BulkStep = {
  /** Tasks that are meant, and that had a status which the move leaves. */
  matched: number;
  /** For a requeue: tasks that are meant, and that run until they have heard of their cancel. */
  stopping: number;
  /** The next step begins after this id; null when there is none. */
  reached: string | null;
};

/** The moves that people make. A second wish to cancel a running task changes nothing, so it is none. */
const movableSql = {
  cancel: (tx: Transaction) =>
    tx`(t.status = any (${[...MOVES.cancel.from]}::text[])
      or (t.status = any (${[...MOVES.abort.from]}::text[]) and t.cancel_requested_at is null))`,
  requeue: (tx: Transaction) => tx`t.status = any (${[...MOVES.requeue.from]}::text[])`,
  reschedule: (tx: Transaction) => tx`t.status = any (${[...MOVES.reschedule.from]}::text[])`,
};

export type BulkMove = keyof typeof movableSql;

/**
 * Parts of a `with`: `chosen`, the ids of a step of the tasks that are meant, in their order, and `reached`. However
 * many tasks there are that are not meant, a step is short.
 */
export const bulkSelectionSql = (
  tx: Transaction,
  { move, given, after }: { move: BulkMove; given: Selection; after: string | null },
) => tx`
  seen as materialized (
    select t.id, ${matchesSql(tx, given)} and ${movableSql[move](tx)} as fits,
      ${move === 'requeue' ? tx`${matchesSql(tx, given)} and t.status = 'RUNNING' and t.cancel_requested_at is not null` : tx`false`}
        as is_stopping
    from tasks t
    where t.organization_id = ${given.organizationId}
      ${after ? tx`and t.id > ${after}` : tx``}
      ${given.batch ? idRangeSql(tx, given.batch) : tx``}
      ${given.ids ? tx`and t.id = any (${given.ids as string[]}::uuid[])` : tx``}
    order by t.organization_id, t.id
    limit ${BULK_STEP.seen}
  ), chosen as materialized (
    select s.id from seen s where s.fits order by s.id limit ${BULK_STEP.changed}
  ), reached as materialized (
    select last.id, (select count(*)::integer from chosen) as matched,
      (select count(*)::integer from seen s where s.is_stopping and s.id <= coalesce(last.id, s.id)) as stopping
    from (
      select coalesce(
        (select c.id from chosen c order by c.id offset ${BULK_STEP.changed - 1}),
        (select s.id from seen s order by s.id offset ${BULK_STEP.seen - 1})
      ) as id
    ) last
  )`;

type BatchRange = NonNullable<Selection['batch']>;

const idRangeSql = (tx: Transaction, { firstTaskId, lastTaskId }: BatchRange) =>
  tx`and t.id between ${firstTaskId}::uuid and ${lastTaskId}::uuid`;

/** The condition that a task belongs to a batch: found in the organization's index of ids, between the batch's own. */
export const inBatchSql = (tx: Transaction, batch: BatchRange) =>
  tx`${idRangeSql(tx, batch)} and t.batch_id = ${batch.id}`;

/** A further part: `picked`, the chosen tasks that the move may leave, locked in the order of their ids. */
export const pickedSql = (tx: Transaction, move: BulkMove) => tx`
  picked as (
    select t.id, t.batch_id, t.status from tasks t
    where t.id in (select c.id from chosen c) and ${movableSql[move](tx)}
    order by t.id
    for update of t
  )`;

/** No live task has the unique key of a task `t`, and of several chosen ones with it only the first gets it. */
export const uniqueKeyIsFreeSql = (tx: Transaction) => tx`(t.unique_key is null or not exists (
  select from tasks o
  where o.organization_id = t.organization_id and o.unique_key = t.unique_key
    and (o.status in ${unfinishedSql(tx)} or (o.id in (select c.id from chosen c) and o.id < t.id))
))`;

function matchesSql(tx: Transaction, given: Selection): Fragment {
  const statuses = given.statuses as readonly string[] as string[];
  return tx`true
    ${given.batch ? tx`and t.batch_id = ${given.batch.id}` : tx``}
    ${given.statuses ? tx`and t.status = any (${statuses}::text[])` : tx``}
    ${given.kind ? tx`and t.kind = ${given.kind}` : tx``}
    ${given.queue ? tx`and t.queue = ${given.queue}` : tx``}
    ${given.createdBy ? tx`and t.created_by = ${given.createdBy}` : tx``}
    ${given.createdFrom ? tx`and t.created_at >= ${given.createdFrom}::text::timestamptz` : tx``}
    ${given.createdTo ? tx`and t.created_at < ${given.createdTo}::text::timestamptz` : tx``}
    ${given.scheduledFrom ? tx`and t.scheduled_time >= ${given.scheduledFrom}::text::timestamptz` : tx``}
    ${given.scheduledTo ? tx`and t.scheduled_time < ${given.scheduledTo}::text::timestamptz` : tx``}
    ${given.notAt ? tx`and not ${startsAtSql(tx, given.notAt)}` : tx``}`;
}

const startsAtSql = (tx: Transaction, time: string) => tx`(
  t.scheduled_time = ${time}::text::timestamptz and t.run_at <= greatest(${time}::text::timestamptz, clock_timestamp()))`;
