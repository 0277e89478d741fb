import { decodeJwt } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DatabaseFixture, databaseFixture } from '../../database/testing/database-fixture.ts';
import { hashRefreshToken } from '../refresh-token.ts';
import { type AuthFunction, authFunction, newcomer, SECRET } from '../testing/auth-function.ts';

let on: DatabaseFixture;
let auth: AuthFunction;

beforeAll(async () => {
  on = await databaseFixture();
  auth = authFunction(on);
});
afterAll(() => on.close());

const login = async () => (await auth.post('/api/auth/register/', newcomer())).body;
const refresh = (token: string, by: AuthFunction = auth) => by.post('/api/auth/refresh/', { refresh: token });

/** Moves the time at which a token was used into the past. */
const age = (token: string, seconds: number) =>
  on.admin`
    update refresh_tokens set used_at = used_at - ${seconds} * interval '1 second'
    where token_hash = ${hashRefreshToken(token)}`;

test('a refresh answers with a new pair of the same session', async () => {
  const first = await login();
  const { status, body } = await refresh(first.refresh);
  expect(status).toBe(200);
  expect(body.refresh).not.toBe(first.refresh);
  expect(body.refresh).toMatch(/^[\w-]{43}$/);
  expect(decodeJwt(body.access).sid).toBe(decodeJwt(first.access).sid);
  expect((await auth.get('/api/auth/me/', body.access)).status).toBe(200);
  expect((await refresh(body.refresh)).status).toBe(200);
});

test('a token presented again within the grace gets the same successor', async () => {
  const { refresh: token } = await login();
  const once = await refresh(token);
  const again = await refresh(token);
  expect([again.status, again.body.refresh]).toEqual([200, once.body.refresh]);
  // Also works when the successor has been used meanwhile, as by another tab that was faster.
  const next = await refresh(once.body.refresh);
  expect((await refresh(token)).body.refresh).toBe(once.body.refresh);
  expect((await refresh(once.body.refresh)).body.refresh).toBe(next.body.refresh);
});

test('a token presented again after the grace ends the whole session', async () => {
  const { refresh: token, access } = await login();
  const { body } = await refresh(token);
  await age(token, 11);
  for (const stolen of [token, body.refresh, token]) {
    const answer = await refresh(stolen);
    expect([answer.status, answer.body.code]).toEqual([401, 'token_not_valid']);
  }
  for (const dead of [access, body.access]) {
    expect((await auth.get('/api/auth/me/', dead)).body.code).toBe('session_ended');
  }
  const session = String(decodeJwt(access).sid);
  expect(await on.admin`select revoked_reason from sessions where id = ${session}`).toEqual([
    { revoked_reason: 'refresh token reused' },
  ]);
});

test('of many refreshes at once one rotates and all get the same successor', async () => {
  const sandboxes = [auth, ...Array.from({ length: 4 }, () => authFunction(on))];
  const { refresh: token, access } = await login();
  const answers = await Promise.all(sandboxes.map((sandbox) => refresh(token, sandbox)));
  expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200, 200, 200]);
  expect(new Set(answers.map((answer) => answer.body.refresh)).size).toBe(1);
  const session = String(decodeJwt(access).sid);
  const [{ count } = { count: 0 }] = await on.admin`
    select count(*) as count from refresh_tokens where session_id = ${session}`;
  expect(count).toBe(2);
});

test('a rotation of the secret ends no session, even within the grace', async () => {
  const rotated = authFunction(on, { current: 'b'.repeat(64), previous: SECRET });
  const before = await login();
  const { body } = await refresh(before.refresh);
  const after = await refresh(before.refresh, rotated);
  expect([after.status, after.body.refresh]).toEqual([200, body.refresh]);
  expect((await refresh(body.refresh, rotated)).status).toBe(200);
  expect((await rotated.get('/api/auth/me/', before.access)).status).toBe(200);
  const jwks = await rotated.get('/.well-known/jwks.json');
  expect(jwks.body.keys).toHaveLength(2);
});

test('a key without a secret is withdrawn after a day, and a new one is not', async () => {
  await on.admin`insert into signing_keys (kid, public_jwk, created_at) values
    ('old', '{}', now() - interval '2 days'), ('new', '{}', now())`;
  await authFunction(on).keys();
  const rows = await on.admin`select kid from signing_keys where kid in ('old', 'new')`;
  expect(rows).toEqual([{ kid: 'new' }]);
  await on.admin`delete from signing_keys where kid = 'new'`;
});

test('an expired token is refused, and its session goes on', async () => {
  const { refresh: token, access } = await login();
  await on.admin`
    update refresh_tokens set expires_at = now() where token_hash = ${hashRefreshToken(token)}`;
  expect((await refresh(token)).body.code).toBe('token_not_valid');
  expect((await auth.get('/api/auth/me/', access)).status).toBe(200);
});

test('no token outlives its session, and no session is refreshed for longer than ninety days', async () => {
  const { refresh: token, access } = await login();
  const session = String(decodeJwt(access).sid);
  const [{ days } = { days: 0 }] = await on.admin`
    select extract(day from expires_at - created_at)::int as days from sessions where id = ${session}`;
  expect(days).toBe(90);
  await on.admin`update sessions set expires_at = now() + interval '1 day' where id = ${session}`;
  const { body } = await refresh(token);
  const [{ within } = { within: false }] = await on.admin`
    select t.expires_at <= s.expires_at as within from refresh_tokens t join sessions s on s.id = t.session_id
    where t.token_hash = ${hashRefreshToken(body.refresh)}`;
  expect(within).toBe(true);
  await on.admin`update sessions set expires_at = now() where id = ${session}`;
  for (const dead of [token, body.refresh]) expect((await refresh(dead)).status).toBe(401);
  expect((await auth.get('/api/auth/me/', body.access)).body.code).toBe('session_ended');
});

test('a failure to read the secret is tried again at the next request', async () => {
  let available = false;
  const { keyLoader } = await import('../keys/load-keys.ts');
  const keys = keyLoader(on.as('auth'), async () => {
    if (!available) throw new Error('throttled');
    return { current: SECRET };
  });
  await expect(keys()).rejects.toThrow('throttled');
  available = true;
  expect(await keys()).toBe(await keys());
});
