import { argon2Sync } from 'node:crypto';
import type { LambdaEvent } from 'hono/aws-lambda';
import type { DatabaseFixture } from '../../database/testing/database-fixture.ts';
import { createApi } from '../../http/api.ts';
import { type App, createApp } from '../../http/app/app.ts';
import { openApiDocument } from '../../http/document/document.ts';
import {
  type AuthDeps,
  registerAuthRoutes,
  registerSessionRoutes,
  type SessionRouteDeps,
} from '../../http/routes/auth/auth.ts';
import { holdToDescription } from '../../http/testing/described.ts';
import { keyLoader } from '../keys/load-keys.ts';
import { publishedKeys } from '../keys/published-keys.ts';

export const ISSUER = 'https://celeriac.test';
export const SECRET = 'a'.repeat(64);

/** An answer of the auth function, as a client sees it. */
export type Answer = { status: number; headers: Headers; body: Body };
type Body = { access: string; refresh: string; code: string; user: { id: string } } & Record<string, unknown>;

export type AuthFunction = AuthDeps &
  SessionRouteDeps & {
    app: App;
    post: (path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>;
    /** Like `post`, from another address. */
    from: (address: string, path: string, body: unknown) => Promise<Answer>;
    get: (path: string, access?: string) => Promise<Answer>;
    /** Everything that was answered or logged, as text. */
    seen: string[];
  };

/** Limits so high that no test reaches them by accident. */
const HARDLY_LIMITED = { loginsPerAddress: 100_000, registrationsPerAddress: 100_000 };

/** Starts a sandbox of the auth function and one of the session function, each with its own database role. */
export function authFunction(
  on: DatabaseFixture,
  secret: { current: string; previous?: string } = { current: SECRET },
  limits = HARDLY_LIMITED,
): AuthFunction {
  const [db, sessionDb] = [on.as('auth'), on.as('session')];
  const deps = {
    db,
    issuer: ISSUER,
    keys: keyLoader(db, async () => secret),
    findKey: publishedKeys(sessionDb),
    limits,
  };
  const seen: string[] = [];
  const app = createApp((message, { error, ...rest }) => {
    seen.push(`${message} ${JSON.stringify(rest)} ${error instanceof Error ? error.stack : ''}`);
  });
  registerAuthRoutes(app, deps);
  registerSessionRoutes(app, { ...deps, db: sessionDb });
  holdToDescription(app, openApiDocument(createApi({} as never, () => {})));
  const ask = async (path: string, init: RequestInit, address = '203.0.113.1'): Promise<Answer> => {
    const event = { requestContext: { http: { sourceIp: address } } } as LambdaEvent;
    const response = await app.request(path, init, { event });
    const text = await response.text();
    seen.push(text);
    return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) };
  };
  const posting = (body: unknown, headers: Record<string, string> = {}): RequestInit => ({
    method: 'POST',
    headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return {
    ...deps,
    app,
    seen,
    post: (path, body, headers) => ask(path, posting(body, headers)),
    from: (address, path, body) => ask(path, posting(body), address),
    get: (path, access) => ask(path, { headers: access ? { authorization: `Bearer ${access}` } : {} }),
  };
}

let counter = 0;

/** Returns registration data of a person who is not registered yet. */
export function newcomer(): { email: string; username: string; password: string } {
  counter += 1;
  return {
    email: `ada${counter}@example.com`,
    username: `ada${counter}`,
    password: `correct horse battery ${counter}`,
  };
}

/** Returns a PHC string as another program might have made it, with another cost than ours. */
export function cheapHash(password: string): string {
  const nonce = Buffer.from('a salt of 16 byt');
  const cost = { memory: 1024, passes: 3, parallelism: 1, tagLength: 24 };
  const hash = argon2Sync('argon2id', { message: password, nonce, ...cost });
  const unpadded = (bytes: Buffer) => bytes.toString('base64').replaceAll('=', '');
  return `$argon2id$v=19$m=${cost.memory},t=${cost.passes},p=1$${unpadded(nonce)}$${unpadded(hash)}`;
}
