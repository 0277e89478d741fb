import { recordIdentityEvent } from '../../audit/record.ts';
import { tokenNotValid } from '../access-token.ts';
import { GRACE_SECONDS, hashRefreshToken, successorOf } from '../refresh-token.ts';
import * as store from '../store.ts';
import { accessToken, type SessionDeps, type Tokens } from './session.ts';

/**
 * Exchanges a refresh token for its successor and a new access token. A token works once. A used token returns the same
 * successor within the grace period. After the grace period it is taken for stolen, and the whole session ends.
 *
 * @param address address of the client
 * @throws Refusal `token_not_valid`, the same for unknown, expired, reused and revoked tokens
 */
export async function refresh(
  deps: SessionDeps,
  token: string,
  address: string | undefined,
): Promise<Tokens> {
  const { succession } = await deps.keys();
  const hash = hashRefreshToken(token);
  const successor = successorOf(token, succession[0]);
  const rotated = await store.rotate(deps.db, hash, hashRefreshToken(successor));
  if (rotated) return { access: await accessToken(deps, rotated), refresh: successor };

  // The secret may have been rotated during the grace period, so the stored successor decides which key made it.
  const candidates = succession.map((key) => successorOf(token, key));
  const used = await store.findUsed(deps.db, {
    tokenHash: hash,
    candidates: candidates.map(hashRefreshToken),
    graceSeconds: GRACE_SECONDS,
  });
  if (!used) throw tokenNotValid();
  if (!used.inGrace) {
    await store.endSession(deps.db, used.sessionId, 'refresh token reused');
    const { sessionId } = used;
    await recordIdentityEvent(deps.db, { action: 'session.token_reused', sessionId, address });
    throw tokenNotValid();
  }
  const same = candidates.find((candidate) => used.successor?.equals(hashRefreshToken(candidate)));
  if (same === undefined) throw tokenNotValid();
  return { access: await accessToken(deps, used), refresh: same };
}
