import { createHash, randomBytes } from 'node:crypto';
import type { Database } from '../database/connect.ts';
import { asMember, type Principal } from '../database/enter.ts';
import * as store from './store.ts';

/** Long enough for one connect only. */
export const TICKET_SECONDS = 60;

/**
 * Issues a ticket for one WebSocket connect. Browsers need it, because they cannot send headers there. It is short-lived
 * and works once, so it is worthless when it is found in a log later.
 */
export async function issueTicket(
  { db }: { db: Database },
  principal: Principal,
): Promise<{ ticket: string; expiresIn: number }> {
  const ticket = randomBytes(32).toString('base64url');
  await asMember(db, principal, (tx) =>
    store.addTicket(tx, { hash: hashOf(ticket), principal, lifeSeconds: TICKET_SECONDS }),
  );
  return { ticket, expiresIn: TICKET_SECONDS };
}

/** Redeems a ticket. @returns the principal of the ticket; undefined when the ticket is unknown, used or expired */
export async function redeemTicket({ db }: { db: Database }, ticket: string): Promise<Principal | undefined> {
  return store.redeemTicket(db, hashOf(ticket));
}

function hashOf(ticket: string): Uint8Array {
  return createHash('sha256').update(ticket).digest();
}
