import type { Database } from '../../database/connect.ts';
import { inSteps } from '../../in-steps.ts';
import * as store from '../store/invitations.ts';

/** Invitations that one statement removes. */
const STEP = 1_000;

/** Removes invitations that have expired, while there is time. */
export async function sweepInvitations({ db }: { db: Database }, timeLeft: () => boolean): Promise<void> {
  await inSteps(() => store.sweepInvitations(db, STEP), STEP, timeLeft);
}
