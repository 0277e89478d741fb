import type { Database } from '../database/connect.ts';
import { sweep } from './store.ts';

/** Keys that one tick removes. */
const LIMIT = 10_000;

/** Removes idempotency keys that have expired. */
export async function sweepIdempotencyKeys({ db }: { db: Database }): Promise<void> {
  await sweep(db, LIMIT);
}
