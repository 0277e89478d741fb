import type { Database } from '../database/connect.ts';
import { sweepExpired } from './store.ts';

/** Sessions, and tokens beside, that one tick removes. */
const AT_MOST = 500;

/** Removes sessions, refresh tokens and login failures that have expired; nothing reads them any more. */
export function sweepIdentities({ db }: { db: Database }): Promise<void> {
  return sweepExpired(db, AT_MOST);
}
