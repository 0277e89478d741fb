import { hash } from 'node:crypto';
import { decodeJwt } from 'jose';
import type { Principal } from '../../database/enter.ts';

/** Seconds; a key that was withdrawn is believed so much longer. Well below the life of a token. */
const REMEMBERED_SECONDS = 60;

/** Tokens at most; a sandbox that sees more verifies the oldest again. */
const MAX_REMEMBERED = 1_000;

type Verify = (token: string) => Promise<Principal>;

/**
 * Verifies a token once and not at each of its requests: a signature costs more than all the rest of a request's
 * checks. What it says is remembered by the token's digest, for a minute and never beyond its expiry. Sessions that
 * have ended, and rights, are looked up in the database all the same.
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
