import { describe, expect, test } from 'vitest';
import { createApi } from './api.ts';
import { createApp } from './app/app.ts';
import { onLambda } from './on-lambda.ts';
import { registerAuthRoutes, registerSessionRoutes } from './routes/auth/auth.ts';

/*
 * A method that a path does not have is refused before all other checks: the functions here have no database, and the
 * requests have no token.
 */

const api = createApi({} as never, () => {});
const auth = createApp(() => {});
registerAuthRoutes(auth, {} as never);
registerSessionRoutes(auth, {} as never);

const { paths } = JSON.parse(await (await api.request('/api/openapi.json')).text());
const declared = Object.entries<object>(paths).map(([path, methods]) => ({
  path,
  methods: Object.keys(methods).map((method) => method.toUpperCase()),
  app: /^\/(?:api\/(?:auth|token)\b|\.well-known)/.test(path) ? auth : api,
}));

const ALL = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD', 'TRACE', 'QUERY'];

/** Sends a request through a Lambda event, because `TRACE` cannot be sent in any other way. */
async function ask(app: typeof api, method: string, path: string) {
  const requestContext = { http: { method, path }, domainName: 'api.example.com' };
  const event = {
    version: '2.0',
    rawPath: path,
    rawQueryString: '',
    headers: { host: 'api.example.com', 'content-type': 'text/plain', 'content-length': '7' },
    body: 'no JSON',
    isBase64Encoded: false,
    requestContext,
  };
  return onLambda(app)(event as never, {} as never) as Promise<{
    statusCode: number;
    headers: Record<string, string>;
    body: string;
  }>;
}

describe('a method that a path does not have is refused by name of those that it has', () => {
  expect(declared.length).toBeGreaterThanOrEqual(37);
  for (const { path, methods, app } of declared) {
    const having = methods.includes('GET') ? [...methods, 'HEAD'] : methods;
    test(path, async () => {
      for (const slash of ['', '/']) {
        for (const method of ALL.filter((each) => !having.includes(each))) {
          const { statusCode, headers, body } = await ask(app, method, path.replace(/\{\w+\}/g, 'x') + slash);
          expect([method, statusCode, headers['content-type']]).toEqual([
            method,
            405,
            'application/problem+json',
          ]);
          expect(headers.allow?.split(', ').sort()).toEqual(having.toSorted());
          expect(JSON.parse(body || '{}').code).toBe(method === 'HEAD' ? undefined : 'method_not_allowed');
        }
      }
    });
  }
});

test('a GET with a body is refused by a problem document', async () => {
  const { statusCode, headers, body } = await ask(api, 'GET', '/api/docs');
  expect([statusCode, headers['content-type']]).toEqual([400, 'application/problem+json']);
  expect(JSON.parse(body).errors).toEqual([{ in: 'body', pointer: '', detail: 'GET has no body' }]);
});

test('TRACE of a path that is not there is refused as any other request', async () => {
  expect((await ask(auth, 'TRACE', '/api/auth/nothing')).statusCode).toBe(404);
  expect((await ask(api, 'TRACE', '/api/nothing')).statusCode).toBe(401);
});
