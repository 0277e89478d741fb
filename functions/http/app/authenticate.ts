import type { Context, MiddlewareHandler } from 'hono';
import { type TokenVerification, verifyAccessToken } from '../../identity/access-token.ts';
import { Refusal } from '../../refusal.ts';
import type { AppEnv } from './app.ts';
import { clientAddress } from './client-address.ts';
import { rememberVerified } from './remember-verified.ts';

/**
 * Lets only requests with a valid access token pass, and sets the route's principal. On a route that has it twice, the
 * second one does nothing.
 *
 * Refusals: `not_authenticated` without a token, `token_not_valid` with a bad one.
 */
export function authenticate(deps: TokenVerification): MiddlewareHandler<AppEnv> {
  const verify = rememberVerified((token) => verifyAccessToken(deps, token));
  return async (c, next) => {
    try {
      if (!c.get('principal')) {
        const address = clientAddress(c.env?.event);
        c.set('principal', { ...(await verify(tokenOf(c))), ...(address !== undefined && { address }) });
      }
    } catch (thrown) {
      if (thrown instanceof Refusal) challenge(c);
      throw thrown;
    }
    await next();
    // A refusal of the route itself, for example of an ended session.
    if (c.res.status === 401) challenge(c);
  };
}

/**
 * Returns the token of the request's `Authorization: Bearer` header.
 *
 * @throws Refusal `not_authenticated` when there is none
 */
export function tokenOf(c: Context): string {
  const token = /^Bearer +(\S+) *$/i.exec(c.req.header('authorization') ?? '')?.[1];
  if (token !== undefined) return token;
  throw new Refusal('unauthenticated', 'not_authenticated', 'Authentication credentials were not provided');
}

/** Adds the header that names the authentication scheme. Every 401 must have it (RFC 9110, section 15.5.2). */
export function challenge(c: Context): void {
  c.header('WWW-Authenticate', 'Bearer');
}
