import { createHash, randomBytes } from 'node:crypto';
import type { Database } from '../database/connect.ts';
import { asMember, type Principal } from '../database/enter.ts';
import * as store from './store.ts';

/** Time enough for one connect, and no more. */
export const TICKET_SECONDS = 60;

/**
 * A login for one WebSocket connect, for browsers, which cannot send headers there: short-lived, single-use, and worth
 * nothing in a log afterwards.
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

/** @returns the principal that the ticket was issued to; undefined when it is unknown, used or too old */
export async function redeemTicket({ db }: { db: Database }, ticket: string): Promise<Principal | undefined> {
  return store.redeemTicket(db, hashOf(ticket));
}

function hashOf(ticket: string): Uint8Array {
  return createHash('sha256').update(ticket).digest();
}
