import type { Database } from '../../database/connect.ts';
import { type TokenVerification, tokenNotValid, verifyAccessToken } from '../access-token.ts';
import { hashRefreshToken } from '../refresh-token.ts';
import { isLiveSession, isUsable } from '../store.ts';

/**
 * Checks that an access or refresh token would be accepted now. Does not use the token up.
 *
 * @throws Refusal `token_not_valid`
 */
export async function verifyToken(deps: TokenVerification & { db: Database }, token: string): Promise<void> {
  const good = token.includes('.')
    ? await isLiveSession(deps.db, await verifyAccessToken(deps, token))
    : await isUsable(deps.db, hashRefreshToken(token));
  if (!good) throw tokenNotValid();
}
