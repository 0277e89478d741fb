import type { Context, MiddlewareHandler } from 'hono';
import { type TokenVerification, verifyAccessToken } from '../../../identity/access-token.ts';
import { jwks } from '../../../identity/sessions/jwks.ts';
import { type LoginDeps, login } from '../../../identity/sessions/login.ts';
import { logout, logoutByRefreshToken } from '../../../identity/sessions/logout.ts';
import { me } from '../../../identity/sessions/me.ts';
import { refresh } from '../../../identity/sessions/refresh.ts';
import { register } from '../../../identity/sessions/register.ts';
import type { SessionDeps } from '../../../identity/sessions/session.ts';
import { verifyToken } from '../../../identity/sessions/verify-token.ts';
import type { User } from '../../../identity/user.ts';
import { Refusal } from '../../../refusal.ts';
import type { App, AppEnv } from '../../app/app.ts';
import { authenticate, challenge, tokenOf } from '../../app/authenticate.ts';
import { clientAddress } from '../../app/client-address.ts';
import {
  keys,
  logIn,
  logOut,
  obtainTokens,
  refreshSession,
  refreshToken,
  registerUser,
  verify,
  wellKnownKeys,
  whoAmI,
} from './auth-descriptions.ts';

/** Dependencies of the auth function. Only this function checks passwords. */
export type AuthDeps = LoginDeps;

/** Dependencies of the session function. */
export type SessionRouteDeps = SessionDeps & TokenVerification;

/** Registers registration and login. Each of them computes a slow hash. */
export function registerAuthRoutes(app: App, deps: AuthDeps): void {
  app.use(explainRefusals);

  app.openapi(registerUser, async (c) => {
    const registered = await register(deps, c.req.valid('json'), clientAddress(c.env?.event));
    return c.json(loggedIn(registered), 201);
  });

  app.openapi(logIn, async (c) =>
    c.json(loggedIn(await login(deps, c.req.valid('json'), clientAddress(c.env?.event))), 200),
  );

  app.openapi(obtainTokens, async (c) => {
    const { access, refresh } = await login(deps, c.req.valid('json'), clientAddress(c.env?.event));
    return c.json({ access, refresh }, 200);
  });
}

/**
 * Registers the routes of existing sessions, and the keys that verify their tokens. They are separate so that a flood of
 * logins cannot delay them.
 */
export function registerSessionRoutes(app: App, deps: SessionRouteDeps): void {
  app.use(explainRefusals);

  const refreshed = (given: { refresh: string }, c: Context<AppEnv>) =>
    refresh(deps, given.refresh, clientAddress(c.env?.event));

  app.openapi(refreshSession, async (c) => c.json(await refreshed(c.req.valid('json'), c), 200));
  app.openapi(refreshToken, async (c) => c.json(await refreshed(c.req.valid('json'), c), 200));

  app.openapi(verify, async (c) => {
    await verifyToken(deps, c.req.valid('json').token);
    return c.json({}, 200);
  });

  app.openapi(logOut, async (c) => {
    const { refresh } = c.req.valid('json');
    // `authenticate` alone is not enough: a client with an expired access token must be able to log out too.
    const address = clientAddress(c.env?.event);
    if (refresh !== undefined) await logoutByRefreshToken(deps, refresh, address);
    else await logout(deps, { ...(await verifyAccessToken(deps, tokenOf(c))), address });
    return c.body(null, 204);
  });

  app.use(whoAmI.path, authenticate(deps));
  app.openapi(whoAmI, async (c) => {
    const { user, organizations, moreOrganizations } = await me(deps, c.var.principal);
    return c.json({ user: userView(user), organizations, more_organizations: moreOrganizations }, 200);
  });

  for (const route of [wellKnownKeys, keys]) {
    app.openapi(route, async (c) =>
      c.json(await jwks(deps), 200, { 'Cache-Control': 'public, max-age=300' }),
    );
  }
}

/** Adds the headers that HTTP requires with the status of a refusal. */
const explainRefusals: MiddlewareHandler<AppEnv> = async (c, next) => {
  await next();
  if (c.res.status === 401) challenge(c);
  if (c.error instanceof Refusal && c.error.kind === 'too_many_requests') {
    c.header('Retry-After', String(c.error.data.retry_after_seconds));
  }
};

function loggedIn({ user, access, refresh }: { user: User; access: string; refresh: string }) {
  return { user: userView(user), access, refresh };
}

function userView({ id, email, username, name, createdAt }: User) {
  return { id, email, username, name, created_at: createdAt.toISOString() };
}
