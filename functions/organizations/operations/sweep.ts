import type { Database } from '../../database/connect.ts';
import { inSteps } from '../../in-steps.ts';
import * as store from '../store/invitations.ts';

/** Maximum invitations that one statement deletes. */
const STEP = 1_000;

/** Deletes expired invitations, until none is left or the time is over. */
export async function sweepInvitations({ db }: { db: Database }, timeLeft: () => boolean): Promise<void> {
  await inSteps(() => store.sweepInvitations(db, STEP), STEP, timeLeft);
}
