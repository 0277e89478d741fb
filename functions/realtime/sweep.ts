import type { Database } from '../database/connect.ts';
import type { CloseConnection } from './frames.ts';
import * as store from './store.ts';

/** Connections that one tick closes. */
const AT_MOST = 200;

/** Closes the sockets of ended sessions, forgets connections past their life, and drops unused tickets. */
export async function sweepSockets({ db, close }: { db: Database; close: CloseConnection }): Promise<number> {
  const overdue = await store.overdueConnections(db, AT_MOST);
  if (overdue.length > 0) {
    await store.forget(db, overdue);
    await Promise.allSettled(overdue.map(close));
  }
  await store.sweepTickets(db);
  return overdue.length;
}
