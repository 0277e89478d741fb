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
 * What a route finds in its context: the body as it was sent, where there may be one; who asks, on authenticated routes;
 * with an idempotency key the seed that the ids of what it makes are counted up from; and Lambda's event.
 */
export type AppEnv = {
  Variables: { source: BodySource; principal: Principal; seed?: string };
  Bindings: { event: LambdaEvent; lambdaContext: LambdaContext };
};

export type App = OpenAPIHono<AppEnv>;

/** Called once for each fault (not for refusals), with its cause. */
export type LogFault = (message: string, details: Record<string, unknown>) => void;

const PLACES: Record<string, FieldError['in']> = {
  json: 'body',
  form: 'body',
  query: 'query',
  param: 'path',
  header: 'header',
};

/** A connection that was lost is replaced at once; a failover takes half a minute, and further answers say the same. */
const RETRY_AFTER_SECONDS = 2;

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/**
 * An empty application with our manners: paths work with and without the trailing slash, bodies are checked before their
 * schema, every error is a problem document.
 */
export function createApp(logFault: LogFault): App {
  const app = new OpenAPIHono<AppEnv>({
    strict: false,
    defaultHook: (result) => {
      if (!result.success) throw invalidRequest(PLACES[result.target] ?? 'body', result.error);
    },
  });
  app.use(async (c, next) => {
    // Hono's own knows no text that must stay as it was written.
    c.json = ((body: unknown, status, headers) =>
      c.newResponse(stringifyExactly(body), status, {
        'Content-Type': 'application/json',
        ...headers,
      })) as typeof c.json;
    await next();
    if (!c.res.headers.has('Cache-Control')) c.header('Cache-Control', 'no-store');
    c.header('X-Content-Type-Options', 'nosniff');
  });
  // Before all else: a method that a path does not have is refused whoever asks, and whatever the body is.
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

/** Has every route that is registered from now on refuse what it does not declare. */
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

/** Methods that a path has routes for; none of a path that does not exist. */
function allowedMethods(app: App, path: string): string[] {
  const fitting = METHODS.flatMap((method) => routesOf(app, method, path));
  // `/api/tasks/bulk` is a path of its own, and not the task with the id `bulk`.
  const literal = fitting.filter((route) => !route.path.includes(':'));
  const allowed = new Set((literal.length > 0 ? literal : fitting).map(({ method }) => method));
  // Hono answers HEAD as GET, without the body.
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

/** Routes that answer, without what stands before every route. */
function routesOf(app: App, method: string, path: string): { method: string; path: string }[] {
  const [matches] = app.router.match(method, path);
  return matches.flatMap(([[, route]]) => (route.method === method ? [route] : []));
}
