import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DatabaseFixture, databaseFixture } from '../../../database/testing/database-fixture.ts';
import {
  type AuthFunction,
  authFunction,
  ISSUER,
  newcomer,
} from '../../../identity/testing/auth-function.ts';

let on: DatabaseFixture;
let auth: AuthFunction;

beforeAll(async () => {
  on = await databaseFixture();
  auth = authFunction(on);
});
afterAll(() => on.close());

/** Registers a new user. */
async function registered() {
  const who = newcomer();
  const { status, body } = await auth.post('/api/auth/register/', who);
  expect(status).toBe(201);
  return { ...who, ...body };
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

describe('registering', () => {
  test('makes a user with a personal organization and logs in', async () => {
    const ada = await registered();
    expect(ada.user).toMatchObject({ email: ada.email, username: ada.username, name: '' });
    const { status, body } = await auth.get('/api/auth/me/', ada.access);
    expect(status).toBe(200);
    expect(body).toEqual({
      user: ada.user,
      organizations: [
        { id: expect.any(String), name: `${ada.username}'s organization`, role: 'owner', personal: true },
      ],
      more_organizations: 0,
    });
  });

  test('without a username uses the email as username', async () => {
    const { email, password } = newcomer();
    const { body } = await auth.post('/api/auth/register', { email: ` ${email} `, password });
    expect(body.user).toMatchObject({ email, username: email });
    expect((await auth.post('/api/token', { username: email, password })).status).toBe(200);
  });

  const TAKEN: [what: string, change: (ada: ReturnType<typeof newcomer>) => object, pointers: string[]][] = [
    ['email', ({ email }) => ({ ...newcomer(), email }), ['/email']],
    ['email in capitals', ({ email }) => ({ ...newcomer(), email: email.toUpperCase() }), ['/email']],
    ['username', ({ username }) => ({ ...newcomer(), username: username.toUpperCase() }), ['/username']],
    [
      'email and username',
      ({ email, username, password }) => ({ email, username, password }),
      ['/email', '/username'],
    ],
    ['email without a username', ({ email, password }) => ({ email, password }), ['/email']],
  ];
  for (const [what, change, pointers] of TAKEN) {
    test(`is refused when the ${what} is taken, and leaves nothing behind`, async () => {
      const ada = await registered();
      const count = () =>
        on.admin`select (select count(*) from users) users, (select count(*) from organizations) orgs`;
      const before = await count();
      const { status, body } = await auth.post('/api/auth/register/', change(ada));
      expect(status).toBe(409);
      expect(body.code).toBe('already_taken');
      expect(body.errors).toEqual(
        pointers.map((pointer) => expect.objectContaining({ in: 'body', pointer })),
      );
      expect(await count()).toEqual(before);
    });
  }

  test('with the same email twice at once creates one user', async () => {
    const who = newcomer();
    const other = authFunction(on);
    const answers = await Promise.all([
      auth.post('/api/auth/register/', who),
      other.post('/api/auth/register/', who),
    ]);
    expect(answers.map((answer) => answer.status).sort()).toEqual([201, 409]);
  });
});

describe('logging in', () => {
  test('works by username and by email, in either field and any case', async () => {
    const { email, username, password, user } = await registered();
    for (const login of [{ username }, { email }, { username: email }, { email: username.toUpperCase() }]) {
      const { status, body } = await auth.post('/api/auth/login/', { ...login, password });
      expect([status, body.user]).toEqual([200, user]);
    }
  });

  test('answers an unknown user and a wrong password alike, as simplejwt words it', async () => {
    const { username } = await registered();
    const wrong = await auth.post('/api/token/', { username, password: 'not the password' });
    const unknown = await auth.post('/api/token/', { username: 'nobody', password: 'not the password' });
    expect(wrong.status).toBe(401);
    expect(wrong.body).toMatchObject({
      code: 'no_active_account',
      detail: 'No active account found with the given credentials',
    });
    expect(wrong.headers.get('www-authenticate')).toBe('Bearer');
    expect(unknown).toMatchObject({ status: wrong.status, body: wrong.body });
  });
});

describe('the tokens of simplejwt clients', () => {
  test('are obtained, refreshed and verified with exactly the expected members', async () => {
    const { username, email, password } = await registered();
    const obtained = await auth.post('/api/token/', { username, password });
    expect([obtained.status, Object.keys(obtained.body).sort()]).toEqual([200, ['access', 'refresh']]);
    expect((await auth.post('/api/token/', { email, password })).status).toBe(200);

    const refreshed = await auth.post('/api/token/refresh/', { refresh: obtained.body.refresh });
    expect([refreshed.status, Object.keys(refreshed.body).sort()]).toEqual([200, ['access', 'refresh']]);
    for (const token of [obtained.body.access, refreshed.body.access, refreshed.body.refresh]) {
      expect(await auth.post('/api/token/verify/', { token })).toMatchObject({ status: 200, body: {} });
    }
  });

  for (const path of ['/api/token/refresh/', '/api/auth/refresh']) {
    test(`are refused at ${path} when they are not refresh tokens`, async () => {
      const { access } = await registered();
      for (const refresh of ['nonsense', access, 'A'.repeat(43)]) {
        const { status, body, headers } = await auth.post(path, { refresh });
        expect(status).toBe(401);
        expect(body).toMatchObject({ code: 'token_not_valid', detail: 'Token is invalid or expired' });
        expect(headers.get('www-authenticate')).toBe('Bearer');
      }
    });
  }

  test('are short-lived, typed, and name user and session only', async () => {
    const { access, user } = await registered();
    const { iat = 0, exp = 0, ...claims } = decodeJwt(access);
    expect(exp - iat).toBe(600);
    expect(claims).toEqual({
      iss: ISSUER,
      aud: 'celeriac',
      sub: user.id,
      sid: expect.any(String),
      jti: expect.any(String),
    });
    expect(decodeProtectedHeader(access)).toEqual({ alg: 'Ed25519', typ: 'at+jwt', kid: expect.any(String) });
  });
});

describe('logging out', () => {
  test('ends access and refresh at once, and may be repeated', async () => {
    const { access, refresh } = await registered();
    for (const _time of ['once', 'again']) {
      const answer = await auth.post('/api/auth/logout/', undefined, bearer(access));
      expect([answer.status, answer.body]).toEqual([204, {}]);
    }
    const me = await auth.get('/api/auth/me/', access);
    expect([me.status, me.body.code]).toEqual([401, 'session_ended']);
    expect(me.headers.get('www-authenticate')).toBe('Bearer');
    expect((await auth.post('/api/auth/refresh/', { refresh })).body.code).toBe('token_not_valid');
    for (const token of [access, refresh]) {
      expect((await auth.post('/api/token/verify/', { token })).status).toBe(401);
    }
  });

  test('works by refresh token alone, also by a used or unknown one', async () => {
    const { access, refresh } = await registered();
    await auth.post('/api/auth/refresh/', { refresh });
    for (const token of [refresh, refresh, 'never issued']) {
      expect((await auth.post('/api/auth/logout/', { refresh: token })).status).toBe(204);
    }
    expect((await auth.get('/api/auth/me/', access)).body.code).toBe('session_ended');
  });

  test('leaves other sessions of the user alone', async () => {
    const { username, password, access } = await registered();
    const { body } = await auth.post('/api/auth/login/', { username, password });
    await auth.post('/api/auth/logout/', undefined, bearer(access));
    expect((await auth.get('/api/auth/me/', body.access)).status).toBe(200);
  });

  test('stops the frames to WebSockets of the session', async () => {
    const { access, user } = await registered();
    const [home] = await on.admin`select organization_id as id from memberships where user_id = ${user.id}`;
    const session = String(decodeJwt(access).sid);
    await on.admin`
      insert into connections (id, user_id, session_id, expires_at)
      values (${session}, ${user.id}, ${session}, now() + interval '1 hour')`;
    await on.admin`
      insert into tasks (id, organization_id, kind, name, queue, status, scheduled_time, run_at, next_dispatch_at,
        max_retries, attempt_limit, watchers)
      values (${session}, ${home?.id}, 'data.process', 'Task', 'interactive', 'SCHEDULED', now(), now(), now(), 0, 1,
        ${[session, 'another']}::text[])`;
    await on.admin`insert into subscriptions (connection_id, task_id) values (${session}, ${session})`;
    await auth.post('/api/auth/logout/', undefined, bearer(access));
    expect(await on.admin`select watchers from tasks where id = ${session}`).toEqual([
      { watchers: ['another'] },
    ]);
  });

  test('needs some token', async () => {
    expect((await auth.post('/api/auth/logout/')).body.code).toBe('not_authenticated');
    expect((await auth.post('/api/auth/logout/', undefined, bearer('nonsense'))).body.code).toBe(
      'token_not_valid',
    );
  });
});

test('/api/auth/me without a token is refused', async () => {
  const { status, body, headers } = await auth.get('/api/auth/me/');
  expect([status, body.code, headers.get('www-authenticate')]).toEqual([401, 'not_authenticated', 'Bearer']);
});

test('the published keys verify what the auth function signs', async () => {
  const { access } = await registered();
  const wellKnown = await auth.get('/.well-known/jwks.json');
  const { kid } = decodeProtectedHeader(access);
  expect(wellKnown.body).toEqual({
    keys: [{ kid, kty: 'OKP', crv: 'Ed25519', x: expect.any(String), alg: 'Ed25519', use: 'sig' }],
  });
  expect((await auth.get('/api/auth/jwks/')).body).toEqual(wellKnown.body);
});

const credentials = { username: 'somebody', password: 'long enough' };
const BAD: [path: string, body: unknown, pointer: string][] = [
  ['/api/auth/register/', {}, '/email'],
  ['/api/auth/register/', { ...newcomer(), email: 'no address' }, '/email'],
  ['/api/auth/register/', { ...newcomer(), email: 7 }, '/email'],
  ['/api/auth/register/', { ...newcomer(), email: `${'a'.repeat(250)}@example.com` }, '/email'],
  ['/api/auth/register/', { ...newcomer(), password: '1234567' }, '/password'],
  ['/api/auth/register/', { ...newcomer(), password: 'x'.repeat(129) }, '/password'],
  ['/api/auth/register/', { ...newcomer(), password: null }, '/password'],
  ['/api/auth/register/', { ...newcomer(), email: 'x@example.com', password: 'X@example.com' }, '/password'],
  ['/api/auth/register/', { ...newcomer(), username: 'longenough', password: 'LongEnough' }, '/password'],
  ['/api/auth/register/', { ...newcomer(), username: '' }, '/username'],
  ['/api/auth/register/', { ...newcomer(), username: 'two words' }, '/username'],
  ['/api/auth/register/', { ...newcomer(), username: 'boss@example.com' }, '/username'],
  ['/api/auth/register/', { ...newcomer(), username: 'a\u0000b' }, '/username'],
  ['/api/auth/register/', { ...newcomer(), username: 'x'.repeat(151) }, '/username'],
  ['/api/auth/register/', { ...newcomer(), name: 'two\nlines' }, '/name'],
  ['/api/auth/register/', { ...newcomer(), role: 'owner' }, '/role'],
  ['/api/auth/login/', { password: 'p' }, '/username'],
  ['/api/auth/login/', { ...credentials, email: 'x@example.com' }, '/username'],
  ['/api/auth/login/', { ...credentials, remember: true }, '/remember'],
  ['/api/token/', { username: 'somebody' }, '/password'],
  ['/api/token/', { ...credentials, password: 'x'.repeat(1025) }, '/password'],
  ['/api/token/refresh/', {}, '/refresh'],
  ['/api/token/refresh/', { refresh: '' }, '/refresh'],
  ['/api/token/refresh/', { refresh: { $ne: null } }, '/refresh'],
  ['/api/token/verify/', { token: 1 }, '/token'],
  ['/api/auth/logout/', { refresh: 1 }, '/refresh'],
];
for (const [path, body, pointer] of BAD) {
  test(`POST ${path} names ${pointer} in ${JSON.stringify(body).slice(0, 60)}`, async () => {
    const { status, body: problem } = await auth.post(path, body);
    expect([status, problem.code]).toEqual([400, 'invalid_request']);
    expect(problem.errors).toContainEqual(expect.objectContaining({ in: 'body', pointer }));
  });
}
