import type { Database } from '../database/connect.ts';
import { inSteps } from '../in-steps.ts';
import { sweep } from './store.ts';

/** Entries that one statement removes. */
const STEP = 1_000;

/** Removes entries that are older than 90 days, while there is time. */
export async function sweepAuditLog({ db }: { db: Database }, timeLeft: () => boolean): Promise<void> {
  await inSteps(() => sweep(db, STEP), STEP, timeLeft);
}
