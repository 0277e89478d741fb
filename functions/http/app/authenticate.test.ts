import { expect, test } from 'vitest';
import { sessionEnded } from '../../database/enter.ts';
import { signAccessToken } from '../../identity/access-token.ts';
import { deriveKeys } from '../../identity/keys/derived-keys.ts';
import { rememberKeys } from '../../identity/keys/published-keys.ts';
import { createApp } from './app.ts';
import { authenticate } from './authenticate.ts';

const issuer = 'https://celeriac.test';
const keys = await deriveKeys({ current: 'x'.repeat(64) });
const findKey = rememberKeys(async () => keys.published);
const principal = { userId: 'a user', sessionId: 'a session' };
const token = await signAccessToken({ issuer, key: keys.signing }, principal);

function application(find = findKey) {
  const app = createApp(() => {});
  app.use('/api/*', authenticate({ issuer, findKey: find }));
  app.get('/api/me', authenticate({ issuer, findKey: find }), (c) => c.json(c.var.principal));
  app.get('/api/ended', () => {
    throw sessionEnded();
  });
  return app;
}

const ask = (path: string, authorization?: string, app = application()) =>
  app.request(path, { headers: authorization === undefined ? {} : { authorization } });

for (const scheme of ['Bearer', 'bearer', 'BEARER ']) {
  test(`a route learns who asks from ${scheme.trim()}`, async () => {
    const answer = await ask('/api/me', `${scheme} ${token}`);
    expect([answer.status, await answer.json()]).toEqual([200, principal]);
    expect(answer.headers.get('www-authenticate')).toBeNull();
  });
}

const REFUSED: [authorization: string | undefined, code: string][] = [
  [undefined, 'not_authenticated'],
  ['', 'not_authenticated'],
  ['Bearer', 'not_authenticated'],
  ['Bearer ', 'not_authenticated'],
  [token, 'not_authenticated'],
  [`Basic ${token}`, 'not_authenticated'],
  [`Bearer ${token} ${token}`, 'not_authenticated'],
  [`Bearer ${token}x`, 'token_not_valid'],
  ['Bearer null', 'token_not_valid'],
];
for (const [authorization, code] of REFUSED) {
  test(`${authorization?.replaceAll(token, '<token>') ?? 'nothing'} is refused as ${code}`, async () => {
    const answer = await ask('/api/me', authorization);
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(await answer.json()).toMatchObject({ code });
  });
}

test('without a token, a path that does not exist is answered like one that exists', async () => {
  expect((await ask('/api/nothing')).status).toBe(401);
});

test('a session that has ended is also answered with a challenge', async () => {
  const answer = await ask('/api/ended', `Bearer ${token}`);
  expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
  expect(await answer.json()).toMatchObject({ code: 'session_ended' });
});

test('a failure to read the keys is a fault, not a refusal', async () => {
  const outage = application(() => Promise.reject(new Error('connection refused')));
  const answer = await ask('/api/me', `Bearer ${token}`, outage);
  expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([500, null]);
});
