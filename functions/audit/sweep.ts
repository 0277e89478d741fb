import type { Database } from '../database/connect.ts';
import { inSteps } from '../in-steps.ts';
import { sweep } from './store.ts';

/** Maximum entries that one statement deletes. */
const STEP = 1_000;

/** Deletes audit entries older than 90 days, until no more are left or the time is over. */
export async function sweepAuditLog({ db }: { db: Database }, timeLeft: () => boolean): Promise<void> {
  await inSteps(() => sweep(db, STEP), STEP, timeLeft);
}
