import { OpenAPIHono } from '@hono/zod-openapi';
import type { LambdaContext, LambdaEvent } from 'hono/aws-lambda';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Principal } from '../database/enter.ts';
import { type FieldError, invalidRequest } from '../refusal.ts';
import { jsonBody } from './json-body.ts';
import { problem, problemOf } from './problem.ts';

/**
 * What a route finds in its context: who asks, on authenticated routes; with an idempotency key the seed that the ids of what it
 * makes are counted up from; and Lambda's event.
 */
export type AppEnv = {
  Variables: { principal: Principal; seed?: string };
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

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/**
 * An empty application with our manners: the seed's paths with and without trailing slash, bodies checked before their
 * schema, every error a problem document.
 */
export function createApp(logFault: LogFault): App {
  const app = new OpenAPIHono<AppEnv>({
    strict: false,
    defaultHook: (result) => {
      if (!result.success) throw invalidRequest(PLACES[result.target] ?? 'body', result.error);
    },
  });
  app.use(async (c, next) => {
    await next();
    if (!c.res.headers.has('Cache-Control')) c.header('Cache-Control', 'no-store');
    c.header('X-Content-Type-Options', 'nosniff');
  });
  app.use(jsonBody);
  app.onError((error, c) => {
    const requestId = c.env?.lambdaContext?.awsRequestId;
    const body = problemOf(error, requestId);
    if (body.status >= 500) logFault('request failed', { error, method: c.req.method, path: c.req.path });
    c.header('Cache-Control', 'no-store');
    return c.body(JSON.stringify(body), body.status as ContentfulStatusCode, {
      'Content-Type': 'application/problem+json',
    });
  });
  app.notFound((c) => {
    const allowed = METHODS.filter((method) => hasRoute(app, method, c.req.path));
    const known = allowed.length > 0;
    if (known) c.header('Allow', allowed.join(', '));
    const body = known
      ? problem(405, 'method_not_allowed', `${c.req.method} is not possible here, only ${allowed.join(', ')}`)
      : problem(404, 'not_found', 'There is nothing here');
    return c.body(JSON.stringify(body), known ? 405 : 404, { 'Content-Type': 'application/problem+json' });
  });
  return app;
}

/** Whether a route of its own answers, and not only what stands before every route. */
function hasRoute(app: App, method: string, path: string): boolean {
  const [matches] = app.router.match(method, path);
  return matches.some(([[, route]]) => route.method === method);
}
