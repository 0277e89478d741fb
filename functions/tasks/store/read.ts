import type { Transaction } from '../../database/connect.ts';
import type { Queue, Task, TaskStatus } from '../task.ts';
import { inBatchSql, type Selection } from './fragments/bulk-selection.ts';
import { dueInSecondsSql, type LargeColumns, type Timed, taskColumnsSql } from './fragments/columns.ts';
import { type ListOwner, newestRowsSql } from './fragments/newest.ts';
import { unfinishedSql } from './fragments/statuses.ts';

/** Finds a task that the transaction's principal may see. */
export async function find(
  tx: Transaction,
  id: string,
  large: true | LargeColumns = true,
): Promise<Task | undefined> {
  const [task] = await tx<Task[]>`select ${taskColumnsSql(tx, large)} from tasks t where t.id = ${id}`;
  return task;
}

/**
 * Returns the organizations in which the transaction's principal is a viewer.
 *
 * @param among only this organization; null for all
 */
export async function viewedOrganizations(
  tx: Transaction,
  among: string | null,
): Promise<ReadonlySet<string>> {
  const rows = await tx<{ id: string }[]>`
    select organization_id as id from memberships
    where user_id = (select current_user_id()) and role = 'viewer' ${among === null ? tx`` : tx`and organization_id = ${among}`}`;
  return new Set(rows.map(({ id }) => id));
}

/** Returns true when the transaction's principal may see the task. */
export async function exists(tx: Transaction, id: string): Promise<boolean> {
  const rows = await tx`select from tasks t where t.id = ${id}`;
  return rows.length > 0;
}

/** Returns the given tasks that the transaction's principal may see, in the order of ids. */
export async function findAll(tx: Transaction, ids: readonly string[]): Promise<Timed<Task>[]> {
  return tx<Timed<Task>[]>`
    select ${taskColumnsSql(tx)}, ${dueInSecondsSql(tx)} from tasks t where t.id = any (${ids as string[]}::uuid[]) order by t.id`;
}

/**
 * Returns live tasks of an organization that have one of the given unique keys and that the transaction's principal may see; at
 * most 20.
 */
export async function uniqueKeyHolders(
  tx: Transaction,
  organizationId: string,
  uniqueKeys: readonly string[],
): Promise<{ id: string; uniqueKey: string }[]> {
  return tx<{ id: string; uniqueKey: string }[]>`
    select t.id, t.unique_key as "uniqueKey" from tasks t
    where t.organization_id = ${organizationId} and t.unique_key = any (${uniqueKeys as string[]}::text[])
      and t.status in ${unfinishedSql(tx)}
    order by t.id
    limit 20`;
}

export type TaskFilter = ListOwner & {
  createdBy: string | null;
  statuses: readonly TaskStatus[] | null;
  kind: string | null;
  queue: Queue | null;
  batch: Selection['batch'];
  /** RFC 3339. `…From` is inclusive, `…To` is exclusive. */
  createdFrom: string | null;
  createdTo: string | null;
  scheduledFrom: string | null;
  scheduledTo: string | null;
  /** Only tasks created before this one. */
  beforeId: string | null;
};

/** Rows that are fetched together when they may be large. */
const LARGE_ROWS = 8;

/**
 * Yields matching tasks, newest first. Rows with large columns are read a few at a time. A caller whose page is full stops, and
 * the columns of the remaining rows are never read.
 */
export async function* list(
  tx: Transaction,
  filter: TaskFilter,
  { limit, large }: { limit: number; large: LargeColumns },
): AsyncGenerator<Task[]> {
  const newest = newestRowsSql(tx, {
    table: 'tasks',
    whose: filter,
    matching: matchingSql(tx, filter),
    newestOfEach: newestOfEachSql(tx, filter, limit),
    limit,
  });
  const rows = tx<Task[]>`${newest} select ${taskColumnsSql(tx, large)} from newest t order by t.id desc`;
  if (Object.values(large).includes(true)) yield* rows.cursor(LARGE_ROWS);
  else yield await rows;
}

const matchingSql = (tx: Transaction, filter: TaskFilter) => tx`
  ${filter.beforeId ? tx`and t.id < ${filter.beforeId}` : tx``}
  ${filter.createdBy ? tx`and t.created_by = ${filter.createdBy}` : tx``}
  ${filter.statuses ? tx`and t.status = any (${textsOf(filter.statuses)}::text[])` : tx``}
  ${filter.kind ? tx`and t.kind = ${filter.kind}` : tx``}
  ${filter.batch ? inBatchSql(tx, filter.batch) : tx``}
  ${filter.queue ? tx`and t.queue = ${filter.queue}` : tx``}
  ${filter.createdFrom ? tx`and t.created_at >= ${filter.createdFrom}::text::timestamptz` : tx``}
  ${filter.createdTo ? tx`and t.created_at < ${filter.createdTo}::text::timestamptz` : tx``}
  ${filter.scheduledFrom ? tx`and t.scheduled_time >= ${filter.scheduledFrom}::text::timestamptz` : tx``}
  ${filter.scheduledTo ? tx`and t.scheduled_time < ${filter.scheduledTo}::text::timestamptz` : tx``}`;

/** Without the batch: a list of one batch names its organization, and so does not use this call. */
const newestOfEachSql = (tx: Transaction, filter: TaskFilter, limit: number) => tx`newest_task_of_each(
  ${limit}, ${filter.beforeId}::uuid, ${filter.createdBy}::uuid, ${filter.statuses && textsOf(filter.statuses)}::text[],
  ${filter.kind}, ${filter.queue}, ${filter.createdFrom}::text::timestamptz, ${filter.createdTo}::text::timestamptz,
  ${filter.scheduledFrom}::text::timestamptz, ${filter.scheduledTo}::text::timestamptz)`;

const textsOf = (statuses: readonly TaskStatus[]): string[] => [...statuses];

/**
 * Returns organizations that have tasks and that a member may write to, in the order of their ids.
 *
 * @param after only organizations with a greater id
 */
export async function organizationsWithTasks(
  tx: Transaction,
  { memberId, after, limit }: { memberId: string; after: string | null; limit: number },
): Promise<string[]> {
  const rows = await tx<{ id: string }[]>`
    select mine.organization_id as id
    from memberships mine cross join lateral (
      select from tasks t where t.organization_id = mine.organization_id limit 1
    ) t
    where mine.user_id = ${memberId} and mine.role <> 'viewer'
      ${after ? tx`and mine.organization_id > ${after}` : tx``}
    order by mine.organization_id
    limit ${limit}`;
  return rows.map(({ id }) => id);
}
