import type { Database } from '../../database/connect.ts';
import { asMember, type Principal } from '../../database/enter.ts';
import * as store from '../store/index.ts';
import { batchIn } from './batches.ts';

export type GraphTask = store.GraphTask;

/**
 * Returns a page of a batch's tasks with their dependencies, in the order of their ids.
 *
 * @throws Refusal `batch_not_found`
 */
export async function batchGraph(
  { db }: { db: Database },
  principal: Principal,
  { id, afterId, limit }: { id: string; afterId: string | null; limit: number },
): Promise<{ tasks: store.GraphTask[]; more: boolean }> {
  return asMember(db, principal, async (tx) => {
    const rows = await store.graphTasks(tx, await batchIn(tx, id), { afterId, limit: limit + 1 });
    return { tasks: rows.slice(0, limit), more: rows.length > limit };
  });
}
