import { createRoute } from '@hono/zod-openapi';
import * as z from 'zod';
import { Credentials, Registration } from '../../../identity/credentials.ts';
import { STORABLE } from '../../../text-rules.ts';
import { answer, json, open, problems, secured } from '../../app/describe.ts';

/*
 * The descriptions of the routes of the auth and session functions, without their handlers: the api function documents
 * these routes and must not be able to run them.
 */

const Token = z.string().min(1).max(2048).meta({ pattern: STORABLE.source });
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
  organizations: z
    .array(
      z.object({
        id: z.uuid(),
        name: z.string(),
        role: z.enum(['owner', 'admin', 'member', 'viewer']),
        personal: z.boolean(),
      }),
    )
    .describe('At most 1,000, the personal one first. `GET /api/organizations/` lists all'),
  more_organizations: z.int().describe('Number of further organizations that are not listed'),
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

export const registerUser = createRoute({
  method: 'post',
  path: '/api/auth/register',
  operationId: 'registerUser',
  summary: 'Register, and log in',
  description: 'Also creates a personal organization. The username defaults to the email.',
  ...open('Identity'),
  request: { body: json(Registration) },
  responses: { 201: answer('Registered', LoggedIn), ...problems(400, 409, 429) },
});

export const logIn = createRoute({
  method: 'post',
  path: '/api/auth/login',
  operationId: 'logInUser',
  summary: 'Log in by username or email',
  ...open('Identity'),
  request: { body: json(Credentials) },
  responses: { 200: answer('Logged in', LoggedIn), ...problems(400, 401, 429) },
});

export const obtainTokens = createRoute({
  method: 'post',
  path: '/api/token',
  operationId: 'obtainTokens',
  summary: 'Log in, as simplejwt clients do',
  ...open('Identity'),
  request: { body: json(Credentials) },
  responses: { 200: answer('Logged in', Tokens), ...problems(400, 401, 429) },
});

const refreshing = {
  method: 'post',
  summary: 'Exchange a refresh token for its successor and a new access token',
  ...open('Identity'),
  request: { body: json(RefreshRequest) },
  responses: { 200: answer('New tokens', Tokens), ...problems(400, 401) },
} as const;
export const refreshSession = createRoute({
  ...refreshing,
  operationId: 'refreshSession',
  path: '/api/auth/refresh',
});
export const refreshToken = createRoute({
  ...refreshing,
  operationId: 'refreshToken',
  path: '/api/token/refresh',
});

export const verify = createRoute({
  method: 'post',
  path: '/api/token/verify',
  operationId: 'verifyToken',
  summary: 'Check an access or refresh token',
  ...open('Identity'),
  request: { body: json(z.strictObject({ token: Token })) },
  responses: { 200: answer('The token is valid', z.object({})), ...problems(400, 401) },
});

export const logOut = createRoute({
  method: 'post',
  path: '/api/auth/logout',
  operationId: 'logOutUser',
  summary: 'Log out: end the session of the refresh token in the body, or else of the access token',
  ...open('Identity'),
  // With a refresh token in the body, no access token is needed.
  security: [{ bearer: [] }, {}],
  request: { body: { ...json(RefreshRequest.partial()), required: false } },
  responses: { 204: { description: 'The session has ended' }, ...problems(400, 401) },
});

export const whoAmI = createRoute({
  method: 'get',
  path: '/api/auth/me',
  operationId: 'getMe',
  summary: 'The logged-in user, with organizations and roles',
  ...secured('Identity'),
  responses: { 200: answer('The logged-in user', Me), ...problems(401) },
});

const publishing = {
  method: 'get',
  summary: 'The public keys that verify access tokens',
  ...open('Identity'),
  responses: { 200: answer('A JSON Web Key Set', Jwks) },
} as const;
export const wellKnownKeys = createRoute({
  ...publishing,
  operationId: 'getWellKnownKeys',
  path: '/.well-known/jwks.json',
});
export const keys = createRoute({ ...publishing, operationId: 'getKeys', path: '/api/auth/jwks' });
