import { v7 as uuidv7 } from 'uuid';
import type { Database, Transaction } from '../database/connect.ts';
import { asMember, type Entered, type Principal } from '../database/enter.ts';
import { membershipIn } from '../organizations/rights.ts';
import { Refusal } from '../refusal.ts';
import { type CreateDeps, type TaskRequest, wake, whyRefused } from './create.ts';
import * as store from './store/index.ts';
import type { Queue } from './task.ts';

/** Tasks of one batch that is made by one request. */
export const MAX_BATCH = 10_000;

export type BatchRequest = {
  /** Null for the principal's personal organization. */
  organizationId: string | null;
  name: string;
  queue: Queue;
};

/** The batch as it was committed, and per request its task's id; null for one whose unique key is taken. */
export type CreatedBatch = { batch: store.BatchNow | null; ids: (string | null)[] };

/**
 * Commits a batch with its tasks in one statement, and sends the messages of those that are due within the look-ahead.
 *
 * @param partial leaves out tasks whose unique key is taken, instead of writing none
 * @throws Refusal `organization_not_found`, `role_insufficient`, `session_ended`; `unique_key_taken` with the indexes of
 *   the requests whose key is taken, by a live task or by an earlier request
 */
export async function createBatch(
  deps: CreateDeps,
  principal: Principal,
  { organizationId, name, queue }: BatchRequest,
  requests: readonly TaskRequest[],
  partial: boolean,
): Promise<CreatedBatch> {
  const tasks = requests.map((request) => ({ ...request, queue, id: uuidv7() }));
  const batch = { id: uuidv7(), name, queue };
  const written = await store
    .insertBatch(deps.db, principal, organizationId, batch, tasks, deps.dispatch, partial)
    .catch(async (error: unknown) => {
      throw isTaken(error) ? await keysTaken(deps.db, principal, organizationId, requests) : error;
    });
  if (!written) {
    const refusal = await whyRefused(deps.db, principal, organizationId);
    if (refusal) throw refusal;
    return { batch: null, ids: tasks.map(() => null) };
  }
  deps.measure?.('TasksCreated', written.tasks.length);
  const { organizationId: home } = written.batch;
  await wake(
    deps,
    principal,
    written.tasks.map((task) => ({ ...task, organizationId: home, queue, status: 'SCHEDULED' })),
  );
  const there = new Set(written.tasks.map(({ id }) => id));
  return {
    batch: { ...written.batch, running: 0 },
    ids: tasks.map(({ id }) => (there.has(id) ? id : null)),
  };
}

/** What Postgres says of a unique index. */
function isTaken(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '23505';
}

/** Which of the requests stand in the way; looked up only then. */
async function keysTaken(
  db: Database,
  principal: Principal,
  organizationId: string | null,
  requests: readonly TaskRequest[],
): Promise<Refusal> {
  const keys = requests.flatMap(({ uniqueKey }) => uniqueKey ?? []);
  const taken = await asMember(db, principal, (tx, memberships) =>
    store.takenKeys(tx, organizationId ?? homeOf(memberships), keys),
  );
  const seen = new Set(taken);
  const fields = requests.flatMap(({ uniqueKey }, index) => {
    if (uniqueKey === null) return [];
    if (!seen.has(uniqueKey)) {
      seen.add(uniqueKey);
      return [];
    }
    const detail = 'A live task, or an earlier one of this batch, has this key';
    return [{ in: 'body', pointer: `/tasks/${index}/unique_key`, detail } as const];
  });
  return new Refusal(
    'conflict',
    'unique_key_taken',
    `Nothing was created: ${fields.length} of the unique keys are taken`,
    {},
    fields,
  );
}

function homeOf(memberships: readonly Entered[]): string {
  return memberships.find(({ personal }) => personal)?.organizationId ?? '';
}

/** One batch of the principal's organizations. Unknown and foreign ids answer alike: `batch_not_found`. */
export async function getBatch(
  { db }: { db: Database },
  principal: Principal,
  id: string,
): Promise<store.BatchNow> {
  return asMember(db, principal, (tx) => batchIn(tx, id));
}

/** @throws Refusal `batch_not_found` */
export async function batchIn(tx: Transaction, id: string): Promise<store.BatchNow> {
  return (await store.findBatch(tx, id)) ?? batchNotFound();
}

/**
 * A page of batches of the principal's organizations, newest first.
 *
 * @throws Refusal `organization_not_found`
 */
export async function listBatches(
  { db }: { db: Database },
  principal: Principal,
  { organizationId, beforeId }: { organizationId: string | null; beforeId: string | null },
  limit: number,
): Promise<{ batches: store.BatchNow[]; more: boolean }> {
  return asMember(db, principal, async (tx, memberships) => {
    if (organizationId) membershipIn(memberships, organizationId);
    const all = memberships.map((membership) => membership.organizationId);
    const rows = await store.listBatches(tx, organizationId ? [organizationId] : all, beforeId, limit + 1);
    return { batches: rows.slice(0, limit), more: rows.length > limit };
  });
}

/** @throws Refusal `batch_not_found`, always */
export function batchNotFound(): never {
  throw new Refusal('not_found', 'batch_not_found', 'There is no such batch');
}
