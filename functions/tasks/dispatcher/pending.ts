import type { Database } from '../../database/connect.ts';
import * as store from '../store/index.ts';

/** Rows that one tick adds together. */
const ROWS = 50_000;

/** Sums up all tasks that have not ended, for the bounds of what may be pending. */
export async function countPending(db: Database): Promise<number> {
  await store.compactPendingCounters(db, ROWS);
  return store.countPending(db);
}
