import type { Database } from '../database/connect.ts';
import { inSteps } from '../in-steps.ts';
import { sweep } from './store.ts';

/** Keys that one statement removes. */
const STEP = 5_000;

/** Removes idempotency keys that have expired, while there is time. */
export async function sweepIdempotencyKeys({ db }: { db: Database }, timeLeft: () => boolean): Promise<void> {
  await inSteps(() => sweep(db, STEP), STEP, timeLeft);
}
