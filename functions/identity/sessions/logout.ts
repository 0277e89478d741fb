import { recordIdentityEvent } from '../../audit/record.ts';
import type { Database } from '../../database/connect.ts';
import type { Principal } from '../../database/enter.ts';
import { hashRefreshToken } from '../refresh-token.ts';
import * as store from '../store.ts';

/** Ends a session: its refresh token and access tokens at once, its WebSockets hear nothing more. Safe to repeat. */
export async function logout(
  { db }: { db: Database },
  { sessionId, address }: Pick<Principal, 'sessionId' | 'address'>,
): Promise<void> {
  if (await store.endSession(db, sessionId, 'logout')) {
    await recordIdentityEvent(db, { action: 'session.ended', sessionId, address });
  }
}

/** Ends the session of a refresh token, also of a used one. An unknown token has no session to end, and that is well. */
export async function logoutByRefreshToken(
  deps: { db: Database },
  token: string,
  address: string | undefined,
): Promise<void> {
  const sessionId = await store.sessionOf(deps.db, hashRefreshToken(token));
  if (sessionId !== undefined) await logout(deps, { sessionId, address });
}
