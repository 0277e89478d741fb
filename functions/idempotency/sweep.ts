import type { Database } from '../database/connect.ts';
import { inSteps } from '../in-steps.ts';
import { sweep } from './store.ts';

/** Maximum keys that one statement deletes. */
const STEP = 5_000;

/** Deletes expired idempotency keys, until none is left or the time is over. */
export async function sweepIdempotencyKeys({ db }: { db: Database }, timeLeft: () => boolean): Promise<void> {
  await inSteps(() => sweep(db, STEP), STEP, timeLeft);
}
