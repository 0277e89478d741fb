import type { Database } from '../../database/connect.ts';
import { inSteps } from '../../in-steps.ts';
import { sweepExpired } from '../store.ts';

/** Sessions, and tokens and counts beside, that one statement removes. */
const STEP = 500;

/** Removes sessions, refresh tokens and counts of requests that have expired, while there is time; nothing reads them any more. */
export async function sweepIdentities({ db }: { db: Database }, timeLeft: () => boolean): Promise<void> {
  await inSteps(() => sweepExpired(db, STEP), STEP, timeLeft);
}
