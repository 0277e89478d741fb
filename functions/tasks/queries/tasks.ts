import type { Database, Transaction } from '../../database/connect.ts';
import { asMember, asReader, type Principal } from '../../database/enter.ts';
import { Refusal } from '../../refusal.ts';
import * as store from '../store/index.ts';
import type { Task } from '../task.ts';
import { type WaitingReason, waitingReason } from '../waiting-reason.ts';
import { batchIn } from './batches.ts';
import { asVisible } from './hidden-secrets.ts';

export type Attempt = store.Attempt;
export type LargeColumns = store.LargeColumns;

export type ListRequest = Omit<store.TaskFilter, 'memberId' | 'createdBy' | 'batch'> & {
  /** Null for all organizations of the principal. */
  organizationId: string | null;
  /** Only tasks that the principal created. */
  mine: boolean;
  /** Null for tasks of any batch, or of none. */
  batchId: string | null;
};

/** How to fill a page of tasks. */
export type TaskPage = {
  limit: number;
  large: LargeColumns;
  /** Adds a task to the page. Returns false when the page has no room for the task. */
  take: (task: Task) => boolean;
};

/**
 * Fills a page with tasks of the principal's organizations, newest first. Secrets in payloads are hidden from viewers.
 *
 * @returns true when there are more tasks than the page has taken
 * @throws Refusal `organization_not_found`, `batch_not_found`
 */
export async function listTasks(
  { db }: { db: Database },
  principal: Principal,
  {
    request: { organizationId, mine, batchId, ...filter },
    page: { limit, large, take },
  }: { request: ListRequest; page: TaskPage },
): Promise<boolean> {
  return asReader(db, { ...principal, organizationId }, async (tx) => {
    const batch = batchId === null ? null : await batchIn(tx, batchId);
    // Read before the list begins, because the rows of the list come by a cursor.
    const viewed = large.payload ? await store.viewedOrganizations(tx, organizationId) : NONE;
    const wanted: store.TaskFilter = {
      ...filter,
      batch,
      // A batch belongs to one organization, so only that one is read.
      organizationId: organizationId ?? batch?.organizationId ?? null,
      memberId: principal.userId,
      createdBy: mine ? principal.userId : null,
    };
    let taken = 0;
    for await (const rows of store.list(tx, wanted, { limit: limit + 1, large })) {
      for (const task of rows) {
        if (taken === limit || !take(asVisible(task, viewed))) return true;
        taken += 1;
      }
    }
    return false;
  });
}

/** Returns a task of the principal's organizations. An unknown id and a foreign id both give `task_not_found`. */
export async function getTask(
  { db }: { db: Database },
  principal: Principal,
  { id, large = true }: { id: string; large?: true | LargeColumns | undefined },
): Promise<Task> {
  return asMember(db, principal, (tx) => findVisible(tx, id, large));
}

/** Returns a task, and the reason for which it has not run yet. @throws Refusal `task_not_found` */
export async function explainTask(
  { db }: { db: Database },
  principal: Principal,
  { id, large = true }: { id: string; large?: true | LargeColumns | undefined },
): Promise<{ task: Task; waiting: WaitingReason | null }> {
  return asMember(db, principal, async (tx) => {
    const task = await findVisible(tx, id, large);
    const waits = task.status === 'PENDING' || task.status === 'SCHEDULED';
    const around = waits ? await store.waitingContext(tx, id) : undefined;
    return { task, waiting: around ? waitingReason(task, around) : null };
  });
}

const NONE: ReadonlySet<string> = new Set();

async function findVisible(tx: Transaction, id: string, large: true | LargeColumns): Promise<Task> {
  const task = (await store.find(tx, id, large)) ?? taskNotFound();
  if (task.payload === null) return task;
  return asVisible(task, await store.viewedOrganizations(tx, task.organizationId));
}

/**
 * Returns a page of a task's attempts, newest first.
 *
 * @param before only attempts with a lower number; null for the newest
 * @throws Refusal `task_not_found`
 */
export async function listAttempts(
  { db }: { db: Database },
  principal: Principal,
  { id, before, limit }: { id: string; before: number | null; limit: number },
): Promise<{ attempts: Attempt[]; more: boolean }> {
  return asMember(db, principal, async (tx) => {
    if (!(await store.exists(tx, id))) taskNotFound();
    const rows = await store.attempts(tx, { taskId: id, before, limit: limit + 1 });
    return { attempts: rows.slice(0, limit), more: rows.length > limit };
  });
}

/** @throws Refusal `task_not_found`, always */
export function taskNotFound(): never {
  throw new Refusal('not_found', 'task_not_found', 'There is no such task');
}
