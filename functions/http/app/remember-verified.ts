import { hash } from 'node:crypto';
import { decodeJwt } from 'jose';
import type { Principal } from '../../database/enter.ts';

/**
 * Seconds that a verified token is cached. A withdrawn key is accepted this much longer. Well below the lifetime of a
 * token.
 */
const REMEMBERED_SECONDS = 60;

/** Maximum cached tokens. A sandbox that sees more tokens verifies the oldest ones again. */
const MAX_REMEMBERED = 1_000;

type Verify = (token: string) => Promise<Principal>;

/**
 * Verifies a token once instead of at each request: verifying a signature costs more than all other checks of a request.
 * The principal is cached by the token's digest, for a minute and never beyond the token's expiry. Ended sessions and
 * rights are still looked up in the database.
 *
 * @param now milliseconds
 */
export function rememberVerified(verify: Verify, now: () => number = Date.now): Verify {
  const verified = new Map<string, { principal: Principal; until: number }>();
  return async (token) => {
    const digest = hash('sha256', token, 'base64');
    const known = verified.get(digest);
    if (known && now() < known.until) return known.principal;
    verified.delete(digest);
    const principal = await verify(token);
    const until = Math.min(now() + REMEMBERED_SECONDS * 1000, (decodeJwt(token).exp ?? 0) * 1000);
    verified.set(digest, { principal, until });
    const [oldest] = verified.keys();
    if (verified.size > MAX_REMEMBERED && oldest !== undefined) verified.delete(oldest);
    return principal;
  };
}
