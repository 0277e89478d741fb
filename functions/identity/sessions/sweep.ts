import type { Database } from '../../database/connect.ts';
import { inSteps } from '../../in-steps.ts';
import { sweepExpired } from '../store.ts';

/** Maximum sessions that one statement deletes. The same maximum applies to tokens, and to counts. */
const STEP = 500;

/**
 * Deletes expired sessions, refresh tokens and counts of requests, until none is left or the time is over. Nothing reads
 * expired rows.
 */
export async function sweepIdentities({ db }: { db: Database }, timeLeft: () => boolean): Promise<void> {
  await inSteps(() => sweepExpired(db, STEP), STEP, timeLeft);
}
