import type { Database } from '../database/connect.ts';
import { inSteps } from '../in-steps.ts';
import type { CloseConnection } from './frames.ts';
import * as store from './store.ts';

/** Connections that are closed together. */
const STEP = 200;

/**
 * Closes the sockets of ended sessions and deletes connections past their lifetime, until none is left or the time is
 * over. Then deletes expired tickets.
 *
 * @returns the number of closed connections
 */
export async function sweepSockets(
  { db, close }: { db: Database; close: CloseConnection },
  timeLeft: () => boolean,
): Promise<number> {
  const closeSome = async () => {
    const overdue = await store.overdueConnections(db, STEP);
    if (overdue.length === 0) return 0;
    await store.forget(db, overdue);
    await Promise.allSettled(overdue.map(close));
    return overdue.length;
  };
  const closed = await inSteps(closeSome, STEP, timeLeft);
  await store.sweepTickets(db);
  return closed;
}
