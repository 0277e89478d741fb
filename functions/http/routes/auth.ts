import { createRoute } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import * as z from 'zod';
import { type TokenVerification, verifyAccessToken } from '../../identity/access-token.ts';
import { Credentials, Registration } from '../../identity/credentials.ts';
import { jwks } from '../../identity/jwks.ts';
import { login } from '../../identity/login.ts';
import { logout, logoutByRefreshToken } from '../../identity/logout.ts';
import { me } from '../../identity/me.ts';
import { refresh } from '../../identity/refresh.ts';
import { register } from '../../identity/register.ts';
import type { SessionDeps } from '../../identity/session.ts';
import type { User } from '../../identity/user.ts';
import { verifyToken } from '../../identity/verify-token.ts';
import { Refusal } from '../../refusal.ts';
import type { App, AppEnv } from '../app.ts';
import { authenticate, challenge, tokenOf } from '../authenticate.ts';
import { answer, json, problems, secured } from '../describe.ts';

export type AuthDeps = SessionDeps & TokenVerification;

const Token = z.string().min(1).max(2048);
const RefreshRequest = z.strictObject({ refresh: Token });

const Tokens = z.object({ access: z.string(), refresh: z.string() });
const UserView = z.object({
  id: z.uuid(),
  email: z.string(),
  username: z.string(),
  name: z.string(),
  created_at: z.iso.datetime(),
});
const LoggedIn = Tokens.extend({ user: UserView });
const Me = z.object({
  user: UserView,
  organizations: z.array(
    z.object({
      id: z.uuid(),
      name: z.string(),
      role: z.enum(['owner', 'admin', 'member', 'viewer']),
      personal: z.boolean(),
    }),
  ),
});
const PublicJwk = z.object({
  kid: z.string(),
  kty: z.string(),
  crv: z.string(),
  x: z.string(),
  alg: z.string(),
  use: z.string(),
});
const Jwks = z.object({ keys: z.array(PublicJwk) });

const tags = ['Identity'];

const registerUser = createRoute({
  method: 'post',
  path: '/api/auth/register',
  summary: 'Register, and log in',
  description: 'Makes a personal organization too. Without a username, the email is it.',
  tags,
  request: { body: json(Registration) },
  responses: { 201: answer('Registered', LoggedIn), ...problems(400, 409) },
});

const logIn = createRoute({
  method: 'post',
  path: '/api/auth/login',
  summary: 'Log in by username or email',
  tags,
  request: { body: json(Credentials) },
  responses: { 200: answer('Logged in', LoggedIn), ...problems(400, 401, 429) },
});

const obtainTokens = createRoute({
  method: 'post',
  path: '/api/token',
  summary: 'Log in, as simplejwt clients do',
  tags,
  request: { body: json(Credentials) },
  responses: { 200: answer('Logged in', Tokens), ...problems(400, 401, 429) },
});

const refreshing = {
  method: 'post',
  summary: 'Exchange a refresh token for its successor and a new access token',
  tags,
  request: { body: json(RefreshRequest) },
  responses: { 200: answer('Fresh tokens', Tokens), ...problems(400, 401) },
} as const;
const refreshSession = createRoute({ ...refreshing, path: '/api/auth/refresh' });
const refreshToken = createRoute({ ...refreshing, path: '/api/token/refresh' });

const verify = createRoute({
  method: 'post',
  path: '/api/token/verify',
  summary: 'Check an access or refresh token',
  tags,
  request: { body: json(z.strictObject({ token: Token })) },
  responses: { 200: answer('It is valid', z.object({})), ...problems(400, 401) },
});

const logOut = createRoute({
  method: 'post',
  path: '/api/auth/logout',
  summary: 'End a session: that of the refresh token in the body, else that of the access token',
  ...secured('Identity'),
  request: { body: { ...json(RefreshRequest.partial()), required: false } },
  responses: { 204: { description: 'Ended, now or before' }, ...problems(400, 401) },
});

const whoAmI = createRoute({
  method: 'get',
  path: '/api/auth/me',
  summary: 'Who you are, and your organizations with your role in each',
  ...secured('Identity'),
  responses: { 200: answer('You', Me), ...problems(401) },
});

const publishing = {
  method: 'get',
  summary: 'The public keys that verify access tokens',
  tags,
  responses: { 200: answer('A JSON Web Key Set', Jwks) },
} as const;
const wellKnownKeys = createRoute({ ...publishing, path: '/.well-known/jwks.json' });
const keys = createRoute({ ...publishing, path: '/api/auth/jwks' });

/** For the OpenAPI document, which the api function serves for both. */
export const AUTH_ROUTES = [
  registerUser,
  logIn,
  refreshSession,
  logOut,
  whoAmI,
  obtainTokens,
  refreshToken,
  verify,
  keys,
  wellKnownKeys,
] as const;

/** Registration, login, tokens, and the keys that verify them. */
export function registerAuthRoutes(app: App, deps: AuthDeps): void {
  app.use(explainRefusals);

  app.openapi(registerUser, async (c) => {
    return c.json(loggedIn(await register(deps, c.req.valid('json'))), 201);
  });

  app.openapi(logIn, async (c) => c.json(loggedIn(await login(deps, c.req.valid('json'))), 200));

  app.openapi(obtainTokens, async (c) => {
    const { access, refresh } = await login(deps, c.req.valid('json'));
    return c.json({ access, refresh }, 200);
  });

  app.openapi(refreshSession, async (c) => c.json(await refresh(deps, c.req.valid('json').refresh), 200));
  app.openapi(refreshToken, async (c) => c.json(await refresh(deps, c.req.valid('json').refresh), 200));

  app.openapi(verify, async (c) => {
    await verifyToken(deps, c.req.valid('json').token);
    return c.json({}, 200);
  });

  app.openapi(logOut, async (c) => {
    const { refresh } = c.req.valid('json');
    // Not by `authenticate` alone: a client whose access token has expired must be able to log out too.
    if (refresh !== undefined) await logoutByRefreshToken(deps, refresh);
    else await logout(deps, await verifyAccessToken(deps, tokenOf(c)));
    return c.body(null, 204);
  });

  app.use(whoAmI.path, authenticate(deps));
  app.openapi(whoAmI, async (c) => {
    const { user, organizations } = await me(deps, c.var.principal);
    return c.json({ user: userView(user), organizations }, 200);
  });

  for (const route of [wellKnownKeys, keys]) {
    app.openapi(route, async (c) =>
      c.json(await jwks(deps), 200, { 'Cache-Control': 'public, max-age=300' }),
    );
  }
}

/** What HTTP demands beside the status of a refusal. */
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
