import { argon2Sync } from 'node:crypto';
import type { Stand } from '../database/testing.ts';
import { createApi } from '../http/api.ts';
import { type App, createApp } from '../http/app.ts';
import { holdToDescription } from '../http/document/described.ts';
import { openApiDocument } from '../http/document/document.ts';
import { type AuthDeps, registerAuthRoutes } from '../http/routes/auth.ts';
import { keyLoader } from './load-keys.ts';
import { publishedKeys } from './published-keys.ts';

export const ISSUER = 'https://celeriac.test';
export const SECRET = 'a'.repeat(64);

/** What a client of the auth function sees of an answer. */
export type Answer = { status: number; headers: Headers; body: Body };
type Body = { access: string; refresh: string; code: string; user: { id: string } } & Record<string, unknown>;

export type AuthFunction = AuthDeps & {
  app: App;
  post: (path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>;
  get: (path: string, access?: string) => Promise<Answer>;
  /** Everything that was answered or logged, as text. */
  seen: string[];
};

/** A sandbox of the auth function, under its own role. */
export function authFunction(
  on: Stand,
  secret: { current: string; previous?: string } = { current: SECRET },
): AuthFunction {
  const db = on.as('auth');
  const deps: AuthDeps = {
    db,
    issuer: ISSUER,
    keys: keyLoader(db, async () => secret),
    findKey: publishedKeys(db),
  };
  const seen: string[] = [];
  const app = createApp((message, { error, ...rest }) => {
    seen.push(`${message} ${JSON.stringify(rest)} ${error instanceof Error ? error.stack : ''}`);
  });
  registerAuthRoutes(app, deps);
  holdToDescription(app, openApiDocument(createApi({} as never, () => {})));
  const ask = async (path: string, init: RequestInit): Promise<Answer> => {
    const response = await app.request(path, init);
    const text = await response.text();
    seen.push(text);
    return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) };
  };
  return {
    ...deps,
    app,
    seen,
    post: (path, body, headers = {}) =>
      ask(path, {
        method: 'POST',
        headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }),
    get: (path, access) => ask(path, { headers: access ? { authorization: `Bearer ${access}` } : {} }),
  };
}

let counter = 0;

/** What somebody who is not registered yet would register with. */
export function newcomer(): { email: string; username: string; password: string } {
  counter += 1;
  return {
    email: `ada${counter}@example.com`,
    username: `ada${counter}`,
    password: `correct horse battery ${counter}`,
  };
}

/** A PHC string as another program might have made it, at a cost that is not ours. */
export function cheapHash(password: string): string {
  const nonce = Buffer.from('a salt of 16 byt');
  const cost = { memory: 1024, passes: 3, parallelism: 1, tagLength: 24 };
  const hash = argon2Sync('argon2id', { message: password, nonce, ...cost });
  const unpadded = (bytes: Buffer) => bytes.toString('base64').replaceAll('=', '');
  return `$argon2id$v=19$m=${cost.memory},t=${cost.passes},p=1$${unpadded(nonce)}$${unpadded(hash)}`;
}
