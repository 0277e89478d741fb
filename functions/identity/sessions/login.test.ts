import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DatabaseFixture, databaseFixture } from '../../database/testing/database-fixture.ts';
import { type AuthFunction, authFunction, cheapHash, newcomer, SECRET } from '../testing/auth-function.ts';
import { ACCOUNT_LIMIT } from './limits.ts';

let on: DatabaseFixture;
let auth: AuthFunction;

beforeAll(async () => {
  on = await databaseFixture();
  auth = authFunction(on);
});
afterAll(() => on.close());

async function registered() {
  const who = newcomer();
  const { body } = await auth.post('/api/auth/register/', who);
  return { ...who, ...body };
}

const HERE = '203.0.113.1';
const wrong = { password: 'wrong wrong' };
const times = (count: number) => Array.from({ length: count }, (_, index) => index);
const statuses = (answers: readonly { status: number }[], status: number) =>
  answers.filter((answer) => answer.status === status).length;

/** Tries a wrong password until the account accepts no more tries from this address. */
async function exhaust(login: object, address = HERE): Promise<void> {
  for (const _try of times(ACCOUNT_LIMIT.tries)) {
    expect((await auth.from(address, '/api/token/', { ...login, ...wrong })).status).toBe(401);
  }
}

/** Stores a password hash that cannot be parsed, so that each use of it fails. */
const makeUnreadable = (userId: string) =>
  on.admin`update users set password_hash = 'unreadable' where id = ${userId}`;

describe('logins of one account', () => {
  test('after twenty failures even the right password has to wait, at the address that failed', async () => {
    const { username, email, password, access } = await registered();
    await exhaust({ username });
    for (const login of [{ username }, { email }, { username: username.toUpperCase() }]) {
      const { status, body, headers } = await auth.post('/api/auth/login/', { ...login, password });
      expect([status, body.code]).toEqual([429, 'too_many_logins']);
      const seconds = Number(headers.get('retry-after'));
      expect(seconds).toBeGreaterThan(0);
      expect(seconds).toBeLessThanOrEqual(ACCOUNT_LIMIT.windowSeconds);
      expect(body.retry_after_seconds).toBe(seconds);
    }
    expect((await auth.get('/api/auth/me/', access)).status).toBe(200);
  });

  test('a refused try costs no look at a password', async () => {
    const { user, username, password } = await registered();
    await exhaust({ username });
    await makeUnreadable(user.id);
    const tryFrom = async (address: string) =>
      (await auth.from(address, '/api/token/', { username, password })).status;
    expect([await tryFrom(HERE), await tryFrom('203.0.113.2')]).toEqual([429, 500]);
  });

  test('failures do not lock out the owner, who logs in from another address', async () => {
    const { username, password } = await registered();
    await exhaust({ username }, '198.51.100.66');
    await exhaust({ username }, '2001:db8:66::1');
    expect((await auth.from('198.51.100.7', '/api/token/', { username, password })).status).toBe(200);
  });

  test('of an IPv6 address the network counts', async () => {
    const { username, password } = await registered();
    const login = { username };
    for (const index of times(ACCOUNT_LIMIT.tries)) {
      await auth.from(`2001:db8:0:7::${index + 1}`, '/api/token/', { ...login, ...wrong });
    }
    expect((await auth.from('2001:db8:0:7:ffff::', '/api/token/', { ...login, password })).status).toBe(429);
    expect((await auth.from('2001:db8:0:8::1', '/api/token/', { ...login, password })).status).toBe(200);
  });

  test('guesses at once do not exceed the limit', async () => {
    const { username } = await registered();
    const sandboxes = [auth, authFunction(on), authFunction(on)];
    const answers = await Promise.all(
      times(3 * ACCOUNT_LIMIT.tries).map((index) =>
        (sandboxes[index % 3] ?? auth).post('/api/token/', { username, ...wrong }),
      ),
    );
    expect(statuses(answers, 401)).toBe(ACCOUNT_LIMIT.tries);
    expect(statuses(answers, 429)).toBe(2 * ACCOUNT_LIMIT.tries);
  });

  test('an unknown account has the same limit', async () => {
    const login = { username: 'nobody at all' };
    await exhaust(login);
    expect((await auth.post('/api/token/', { ...login, ...wrong })).status).toBe(429);
  });

  test('accounts are limited one by one', async () => {
    const [one, other] = [await registered(), await registered()];
    await exhaust({ username: one.username });
    expect((await auth.post('/api/token/', { email: other.email, password: other.password })).status).toBe(
      200,
    );
  });

  test('the id of a user as a login counts against no account', async () => {
    const { user, username, password } = await registered();
    await exhaust({ username: user.id });
    await exhaust({ username: `user ${user.id}` });
    expect((await auth.post('/api/token/', { username, password })).status).toBe(200);
  });

  test('the window ends by itself, and the next failure opens a new one', async () => {
    const { username, password } = await registered();
    await exhaust({ username });
    await on.admin`update request_counts set expires_at = now()`;
    expect((await auth.post('/api/token/', { username, ...wrong })).status).toBe(401);
    expect((await auth.post('/api/token/', { username, password })).status).toBe(200);
  });

  test('the window begins with the first failure, and no later one makes it longer', async () => {
    const { username } = await registered();
    const fail = async () =>
      expect((await auth.post('/api/token/', { username, ...wrong })).status).toBe(401);
    const windows = async () => [
      ...(await on.admin`
        select subject, expires_at::text from request_counts where expires_at > now() order by subject`),
    ];
    await fail();
    const before = await windows();
    await fail();
    expect(await windows()).toEqual(before);
  });

  test('a success clears the failures before it', async () => {
    const { username, password } = await registered();
    for (const _time of times(3)) {
      for (const _try of times(ACCOUNT_LIMIT.tries - 1)) {
        expect((await auth.post('/api/token/', { username, ...wrong })).status).toBe(401);
      }
      expect((await auth.post('/api/token/', { username, password })).status).toBe(200);
    }
  });

  test('many correct logins at once are no attack', async () => {
    const { username, password } = await registered();
    const answers = await Promise.all(
      times(ACCOUNT_LIMIT.tries).map(() => auth.post('/api/token/', { username, password })),
    );
    expect(statuses(answers, 200)).toBe(ACCOUNT_LIMIT.tries);
  });
});

describe('a client address', () => {
  const limits = { loginsPerAddress: 6, registrationsPerAddress: 3 };
  const limited = () => authFunction(on, { current: SECRET }, limits);

  test('is refused further logins, right or wrong, before a password is looked at; others are not', async () => {
    const [one, other] = [await registered(), await registered()];
    const { from } = limited();
    const address = '198.51.100.10';
    const answers = await Promise.all(
      times(9).map((index) =>
        from(
          address,
          '/api/token/',
          index % 2 ? { username: one.username, ...wrong } : { username: `none${index}`, ...wrong },
        ),
      ),
    );
    expect([statuses(answers, 401), statuses(answers, 429)]).toEqual([6, 3]);
    const { username, password } = other;
    const refused = await from(address, '/api/auth/login/', { username, password });
    expect([refused.status, refused.body.code]).toEqual([429, 'too_many_logins']);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await from('198.51.100.11', '/api/token/', { username, password })).status).toBe(200);
    await makeUnreadable(other.user.id);
    expect((await from(address, '/api/token/', { username, password })).status).toBe(429);
    expect((await from('198.51.100.11', '/api/token/', { username, password })).status).toBe(500);
  });

  test('is refused further registrations, also those that failed count, and others are not', async () => {
    const { from } = limited();
    const address = '2001:db8:5::1';
    const first = newcomer();
    const answers = [
      await from(address, '/api/auth/register/', first),
      await from('2001:db8:5::2', '/api/auth/register/', first),
      await from('2001:db8:5::3', '/api/auth/register/', newcomer()),
      await from('2001:db8:5::4', '/api/auth/register/', newcomer()),
    ];
    expect(answers.map(({ status, body }) => [status, body.code])).toEqual([
      [201, undefined],
      [409, 'already_taken'],
      [201, undefined],
      [429, 'too_many_registrations'],
    ]);
    expect(Number(answers[3]?.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await from('2001:db8:6::1', '/api/auth/register/', newcomer())).status).toBe(201);
  });

  test('is refused registrations as logins: each costs a slow hash', async () => {
    const { from } = authFunction(
      on,
      { current: SECRET },
      { loginsPerAddress: 2, registrationsPerAddress: 9 },
    );
    const answers = [];
    for (const _time of times(3)) {
      const { status, body } = await from('198.51.100.40', '/api/auth/register/', newcomer());
      answers.push([status, body.code]);
    }
    expect(answers).toEqual([
      [201, undefined],
      [201, undefined],
      [429, 'too_many_logins'],
    ]);
  });

  test('may refresh, however many logins failed', async () => {
    const { from } = limited();
    const address = '198.51.100.20';
    const { body } = await from(address, '/api/auth/register/', newcomer());
    for (const index of times(6)) await from(address, '/api/token/', { username: `no${index}`, ...wrong });
    expect((await from(address, '/api/token/', { username: 'no', ...wrong })).status).toBe(429);
    expect((await from(address, '/api/auth/refresh/', { refresh: body.refresh })).status).toBe(200);
  });

  test('is that seen by the gateway or front door, never a header', async () => {
    const { app } = limited();
    const ask = async (requestContext: object, forwarded: string) => {
      const response = await app.request(
        '/api/token/',
        {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            'x-forwarded-for': forwarded,
            'x-client-address': forwarded,
            forwarded: `for=${forwarded}`,
          },
          body: JSON.stringify({ username: `none ${forwarded}`, ...wrong }),
        },
        { event: { requestContext } },
      );
      return response.status;
    };
    const direct = { http: { sourceIp: '198.51.100.30' } };
    const frontDoor = (clientAddress: string) => ({
      http: { sourceIp: '198.51.100.31' },
      authorizer: { lambda: { clientAddress } },
    });
    for (const index of times(6)) {
      expect(await ask(direct, `192.0.2.${index}`)).toBe(401);
      expect(await ask(frontDoor('198.51.100.32'), `192.0.2.${index}`)).toBe(401);
    }
    expect(await ask(direct, '192.0.2.7')).toBe(429);
    expect(await ask(frontDoor('198.51.100.32'), '192.0.2.7')).toBe(429);
    expect(await ask(frontDoor('198.51.100.33'), '192.0.2.7')).toBe(401);
  });
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
  // Checks faults too: after these renames, statements fail.
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
