import type { Transaction } from '../../database/connect.ts';
import type { Task, TaskStatus } from '../task.ts';
import { columns } from './columns.ts';

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
