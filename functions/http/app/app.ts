import { OpenAPIHono } from '@hono/zod-openapi';
import type { Context, MiddlewareHandler } from 'hono';
import type { LambdaContext, LambdaEvent } from 'hono/aws-lambda';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Principal } from '../../database/enter.ts';
import { stringifyExactly } from '../../exact-json/json-text.ts';
import { type FieldError, invalidRequest } from '../../refusal.ts';
import { type BodySource, jsonBody } from './json-body.ts';
import { type ProblemBody, problem, problemOf } from './problem.ts';
import { refuseUndeclared } from './undeclared.ts';

/**
 * Values in a route's context. `source` is the body as it was sent, on requests that may have one. `principal` is set on
 * authenticated routes. `seed` is set with an idempotency key: the ids of new rows count up from it. `event` is Lambda's
 * event.
 */
export type AppEnv = {
  Variables: { source: BodySource; principal: Principal; seed?: string };
  Bindings: { event: LambdaEvent; lambdaContext: LambdaContext };
};

export type App = OpenAPIHono<AppEnv>;

/** Called once for each fault, with its cause. Not called for refusals. */
export type LogFault = (message: string, details: Record<string, unknown>) => void;

const PLACES: Record<string, FieldError['in']> = {
  json: 'body',
  form: 'body',
  query: 'query',
  param: 'path',
  header: 'header',
};

/**
 * A lost connection is replaced immediately. A failover takes half a minute, and clients that ask again during it get
 * this answer again.
 */
const RETRY_AFTER_SECONDS = 2;

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/**
 * Creates an empty application with the rules of all routes: paths work with and without the trailing slash, bodies are
 * checked before their schema, and every error is a problem document.
 */
export function createApp(logFault: LogFault): App {
  const app = new OpenAPIHono<AppEnv>({
    strict: false,
    defaultHook: (result) => {
      if (!result.success) throw invalidRequest(PLACES[result.target] ?? 'body', result.error);
    },
  });
  app.use(async (c, next) => {
    // Hono's own `json` cannot keep a text as it was written.
    c.json = ((body: unknown, status, headers) =>
      c.newResponse(stringifyExactly(body), status, {
        'Content-Type': 'application/json',
        ...headers,
      })) as typeof c.json;
    await next();
    if (!c.res.headers.has('Cache-Control')) c.header('Cache-Control', 'no-store');
    c.header('X-Content-Type-Options', 'nosniff');
  });
  // Before all other checks: a method that the path does not have is refused for every caller and every body.
  app.use(async (c, next) => {
    const allowed = allowedMethods(app, c.req.path);
    if (allowed.length > 0 && !allowed.includes(c.req.method)) return methodNotAllowed(c, allowed);
    await next();
  });
  app.use(jsonBody);
  refuseUndeclaredOf(app);
  app.onError((error, c) => {
    const requestId = c.env?.lambdaContext?.awsRequestId;
    const body = problemOf(error, requestId);
    if (body.status >= 500) logFault('request failed', { error, method: c.req.method, path: c.req.path });
    c.header('Cache-Control', 'no-store');
    if (body.status === 503) c.header('Retry-After', String(RETRY_AFTER_SECONDS));
    if (typeof body.retry_after_seconds === 'number')
      c.header('Retry-After', String(body.retry_after_seconds));
    return refused(c, body);
  });
  app.notFound((c) => refused(c, problem(404, 'not_found', 'There is nothing here')));
  return app;
}

/** Makes every route that is registered from now on refuse parameters and bodies that it does not declare. */
function refuseUndeclaredOf(app: App): void {
  const register = app.openapi;
  const registerStrictly: App['openapi'] = (route, ...handlers) => {
    const refuse: MiddlewareHandler<AppEnv> = async (c, next) => {
      await refuseUndeclared(route, c.req);
      await next();
    };
    return register({ ...route, middleware: [refuse, ...[route.middleware ?? []].flat()] }, ...handlers);
  };
  app.openapi = registerStrictly;
}

/** Returns the methods that a path has routes for; empty for a path that does not exist. */
function allowedMethods(app: App, path: string): string[] {
  const fitting = METHODS.flatMap((method) => routesOf(app, method, path));
  // `/api/tasks/bulk` is a path of its own, not the task with the id `bulk`.
  const literal = fitting.filter((route) => !route.path.includes(':'));
  const allowed = new Set((literal.length > 0 ? literal : fitting).map(({ method }) => method));
  // Hono answers HEAD like GET, without the body.
  if (allowed.has('GET')) allowed.add('HEAD');
  return [...allowed];
}

function methodNotAllowed(c: Context<AppEnv>, allowed: readonly string[]): Response {
  const methods = allowed.join(', ');
  c.header('Allow', methods);
  return refused(c, problem(405, 'method_not_allowed', `This path has no such method, only ${methods}`));
}

function refused(c: Context<AppEnv>, body: ProblemBody): Response {
  return c.body(JSON.stringify(body), body.status as ContentfulStatusCode, {
    'Content-Type': 'application/problem+json',
  });
}

/** Returns the routes themselves, without the middleware before them. */
function routesOf(app: App, method: string, path: string): { method: string; path: string }[] {
  const [matches] = app.router.match(method, path);
  return matches.flatMap(([[, route]]) => (route.method === method ? [route] : []));
}
