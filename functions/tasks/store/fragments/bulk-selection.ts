import type { Transaction } from '../../../database/connect.ts';
import { MOVES, type Queue, type TaskStatus } from '../../task.ts';
import type { Fragment } from './columns.ts';
import { unfinishedSql } from './statuses.ts';

/** Selection of tasks of one organization. A field that is null does not restrict it. */
export type Selection = {
  organizationId: string;
  ids: readonly string[] | null;
  batch: { id: string; firstTaskId: string | null; lastTaskId: string | null } | null;
  statuses: readonly TaskStatus[] | null;
  kind: string | null;
  queue: Queue | null;
  createdBy: string | null;
  /** RFC 3339. `…From` is inclusive, `…To` is exclusive. */
  createdFrom: string | null;
  createdTo: string | null;
  scheduledFrom: string | null;
  scheduledTo: string | null;
  /** RFC 3339. Excludes tasks that already start at this time, or at once when the time is past. */
  notAt?: string | null;
};

/** Tasks that one statement changes at most, and tasks that it reads at most to find them. Both bound its time and its locks. */
export const BULK_STEP = { changed: 1_000, seen: 20_000 } as const;

/** Progress of one statement through the selected tasks. */
export type BulkStep = {
  /** Selected tasks whose status allows the move. */
  matched: number;
  /** For a requeue: selected tasks that still run because their cancel has not stopped them yet. */
  stopping: number;
  /** The next step begins after this id; null when there is none. */
  reached: string | null;
};

/** The moves that callers make. A second request to cancel a running task changes nothing, so it does not count as a move. */
const movableSql = {
  cancel: (tx: Transaction) =>
    tx`(t.status = any (${[...MOVES.cancel.from]}::text[])
      or (t.status = any (${[...MOVES.abort.from]}::text[]) and t.cancel_requested_at is null))`,
  requeue: (tx: Transaction) => tx`t.status = any (${[...MOVES.requeue.from]}::text[])`,
  reschedule: (tx: Transaction) => tx`t.status = any (${[...MOVES.reschedule.from]}::text[])`,
};

export type BulkMove = keyof typeof movableSql;

/**
 * Parts of a `with`: `chosen`, the ids of one step of the selected tasks, in order, and `reached`. A step stays short, however
 * many other tasks there are.
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

/**
 * Condition: a task belongs to a batch. It uses the organization's index of ids, between the first and the last id of the batch.
 */
export const inBatchSql = (tx: Transaction, batch: BatchRange) =>
  tx`${idRangeSql(tx, batch)} and t.batch_id = ${batch.id}`;

/** Part `picked`: the chosen tasks that the move may leave, locked in the order of their ids. */
export const pickedSql = (tx: Transaction, move: BulkMove) => tx`
  picked as (
    select t.id, t.batch_id, t.status from tasks t
    where t.id in (select c.id from chosen c) and ${movableSql[move](tx)}
    order by t.id
    for update of t
  )`;

/** Condition: no live task has the unique key of task `t`. Among chosen tasks with one key, only the first meets it. */
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
