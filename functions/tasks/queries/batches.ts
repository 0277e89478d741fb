import type { Database, Transaction } from '../../database/connect.ts';
import { asMember, asReader, type Principal } from '../../database/enter.ts';
import { Refusal } from '../../refusal.ts';
import * as store from '../store/index.ts';

export type BatchNow = store.BatchNow;

/** Returns a batch of the principal's organizations. An unknown id and a foreign id both give `batch_not_found`. */
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
 * Returns a page of batches of the principal's organizations, newest first.
 *
 * @throws Refusal `organization_not_found`
 */
export async function listBatches(
  { db }: { db: Database },
  principal: Principal,
  {
    organizationId,
    beforeId,
    limit,
  }: { organizationId: string | null; beforeId: string | null; limit: number },
): Promise<{ batches: store.BatchNow[]; more: boolean }> {
  return asReader(db, { ...principal, organizationId }, async (tx) => {
    const wanted = { organizationId, memberId: principal.userId, beforeId };
    const rows = await store.listBatches(tx, wanted, limit + 1);
    return { batches: rows.slice(0, limit), more: rows.length > limit };
  });
}

/** @throws Refusal `batch_not_found`, always */
export function batchNotFound(): never {
  throw new Refusal('not_found', 'batch_not_found', 'There is no such batch');
}
