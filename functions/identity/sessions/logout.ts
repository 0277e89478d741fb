import { recordIdentityEvent } from '../../audit/record.ts';
import type { Database } from '../../database/connect.ts';
import type { Principal } from '../../database/enter.ts';
import { hashRefreshToken } from '../refresh-token.ts';
import * as store from '../store.ts';

/**
 * Ends a session: its refresh token and access tokens end immediately, and its WebSockets receive no more frames. Safe to
 * repeat.
 */
export async function logout(
  { db }: { db: Database },
  { sessionId, address }: Pick<Principal, 'sessionId' | 'address'>,
): Promise<void> {
  if (await store.endSession(db, sessionId, 'logout')) {
    await recordIdentityEvent(db, { action: 'session.ended', sessionId, address });
  }
}

/** Ends the session of a refresh token, also of a used token. An unknown token has no session, and causes no error. */
export async function logoutByRefreshToken(
  deps: { db: Database },
  token: string,
  address: string | undefined,
): Promise<void> {
  const sessionId = await store.sessionOf(deps.db, hashRefreshToken(token));
  if (sessionId !== undefined) await logout(deps, { sessionId, address });
}
