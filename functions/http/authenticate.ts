import type { Context, MiddlewareHandler } from 'hono';
import { type TokenVerification, verifyAccessToken } from '../identity/access-token.ts';
import { Refusal } from '../refusal.ts';
import type { AppEnv } from './app.ts';

/**
 * Lets only requests with a valid access token pass, and tells the route who asks. Where it stands twice on a route,
 * the second has nothing left to do.
 *
 * Refusals: `not_authenticated` without a token, `token_not_valid` with a bad one.
 */
export function authenticate(deps: TokenVerification): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    if (!c.get('principal')) {
      const token = bearerToken(c.req.header('authorization'));
      try {
        if (token === undefined) throw notAuthenticated();
        c.set('principal', await verifyAccessToken(deps, token));
      } catch (refusal) {
        challenge(c, token !== undefined);
        throw refusal;
      }
    }
    await next();
    // A route's own refusal, e.g. of an ended session.
    if (c.error instanceof Refusal && c.error.kind === 'unauthenticated') challenge(c, true);
  };
}

/** The token of an `Authorization: Bearer` header; undefined when there is none. */
export function bearerToken(header: string | undefined): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(header ?? '')?.[1];
}

/** Says how to authenticate, as every 401 must (RFC 9110, RFC 6750). */
export function challenge(c: Context, tokenWasGiven: boolean): void {
  c.header('WWW-Authenticate', tokenWasGiven ? 'Bearer error="invalid_token"' : 'Bearer');
}

function notAuthenticated(): Refusal {
  return new Refusal('unauthenticated', 'not_authenticated', 'Authentication credentials were not provided');
}
