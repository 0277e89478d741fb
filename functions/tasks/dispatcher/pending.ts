import type { Database } from '../../database/connect.ts';
import * as store from '../store/index.ts';

/** Counter rows that one tick merges. */
const ROWS = 50_000;

/** Counts all tasks that have not ended, for the bounds on pending tasks. */
export async function countPending(db: Database): Promise<number> {
  await store.compactPendingCounters(db, ROWS);
  return store.countPending(db);
}
