import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Stand, stand } from '../database/testing.ts';
import { THROTTLE } from './login.ts';
import { type AuthFunction, authFunction, cheapHash, newcomer } from './testing.ts';

let on: Stand;
let auth: AuthFunction;

beforeAll(async () => {
  on = await stand();
  auth = authFunction(on);
});
afterAll(() => on.close());

async function registered() {
  const who = newcomer();
  const { body } = await auth.post('/api/auth/register/', who);
  return { ...who, ...body };
}

/** Tries a wrong password until the account accepts no more. */
async function exhaust(login: object): Promise<void> {
  for (let i = 0; i < THROTTLE.failures; i += 1) {
    expect((await auth.post('/api/token/', { ...login, password: 'wrong wrong' })).status).toBe(401);
  }
}

test('after ten failures even the right password has to wait', async () => {
  const { username, email, password, access } = await registered();
  await exhaust({ username });
  for (const login of [{ username }, { email }, { username: username.toUpperCase() }]) {
    const { status, body, headers } = await auth.post('/api/auth/login/', { ...login, password });
    expect([status, body.code]).toEqual([429, 'too_many_logins']);
    const seconds = Number(headers.get('retry-after'));
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThanOrEqual(THROTTLE.windowSeconds);
  }
  expect((await auth.get('/api/auth/me/', access)).status).toBe(200);
});

test('an account that does not exist is throttled alike', async () => {
  const login = { username: 'nobody at all' };
  await exhaust(login);
  expect((await auth.post('/api/token/', { ...login, password: 'wrong wrong' })).status).toBe(429);
});

test('accounts are throttled one by one', async () => {
  const [one, other] = [await registered(), await registered()];
  await exhaust({ username: one.username });
  expect((await auth.post('/api/token/', { email: other.email, password: other.password })).status).toBe(200);
});

test('the id of a user as a login counts against no one', async () => {
  const { user, username, password } = await registered();
  await exhaust({ username: user.id });
  await exhaust({ username: `user ${user.id}` });
  expect((await auth.post('/api/token/', { username, password })).status).toBe(200);
});

test('the window ends by itself, and the next failure opens a new one', async () => {
  const { username, password } = await registered();
  await exhaust({ username });
  await on.admin`update login_failures set expires_at = now()`;
  expect((await auth.post('/api/token/', { username, password: 'wrong wrong' })).status).toBe(401);
  expect((await auth.post('/api/token/', { username, password })).status).toBe(200);
});

test('a success forgets the failures before it', async () => {
  const { username, password } = await registered();
  for (let i = 0; i < THROTTLE.failures + 1; i += 1) {
    expect((await auth.post('/api/token/', { username, password: 'wrong wrong' })).status).toBe(401);
    expect((await auth.post('/api/token/', { username, password })).status).toBe(200);
  }
});

test('many correct logins at once are no attack', async () => {
  const { username, password } = await registered();
  const answers = await Promise.all(
    Array.from({ length: 12 }, () => auth.post('/api/token/', { username, password })),
  );
  expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([200]));
});

test('a password hash of an older cost is renewed at login', async () => {
  const { user, username, password } = await registered();
  await on.admin`update users set password_hash = ${cheapHash(password)} where id = ${user.id}`;
  for (const _time of ['once', 'again']) {
    expect((await auth.post('/api/token/', { username, password })).status).toBe(200);
    const [row] = await on.admin`select password_hash as hash from users where id = ${user.id}`;
    expect(row?.hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  }
});

test('neither hashes nor passwords nor refresh tokens show in logs, or in answers where they do not belong', async () => {
  const { password, refresh, username } = await registered();
  await auth.post('/api/auth/refresh/', { refresh });
  await auth.post('/api/token/', { username, password: `${password}!` });
  const asIssued = auth.seen.length;
  // Faults too: the next statements cannot be run.
  await on.admin`alter table refresh_tokens rename to elsewhere`;
  await on.admin`alter table users rename to elsewhere_too`;
  const faults = await Promise.all([
    auth.post('/api/auth/register/', newcomer()),
    auth.post('/api/token/', { username, password }),
    auth.post('/api/auth/refresh/', { refresh }),
    auth.post('/api/token/verify/', { token: refresh }),
    auth.post('/api/auth/logout/', { refresh }),
  ]);
  await on.admin`alter table elsewhere rename to refresh_tokens`;
  await on.admin`alter table elsewhere_too rename to users`;
  expect(faults.map((fault) => fault.status)).toEqual([500, 500, 500, 500, 500]);
  expect(auth.seen.join('\n')).not.toContain('$argon2');
  expect(auth.seen.join('\n')).not.toContain('correct horse');
  const afterwards = auth.seen.slice(asIssued).join('\n');
  expect(afterwards).toContain('request failed');
  expect(afterwards).not.toContain(refresh);
});
