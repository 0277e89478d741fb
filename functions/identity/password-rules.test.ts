import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DatabaseFixture, databaseFixture } from '../database/testing/database-fixture.ts';
import { hashPassword } from './password.ts';
import { type AuthFunction, authFunction, newcomer } from './testing/auth-function.ts';

let on: DatabaseFixture;
let auth: AuthFunction;

beforeAll(async () => {
  on = await databaseFixture();
  auth = authFunction(on);
});
afterAll(() => on.close());

const register = (given: object) => auth.post('/api/auth/register/', { ...newcomer(), ...given });

const REFUSED: Record<string, readonly string[]> = {
  'one of the most common': [
    'password',
    'Password',
    'PASSWORD1',
    'password123',
    'iloveyou',
    'qwertyuiop',
    '1q2w3e4r',
    'trustno1',
    'football1',
    ' password ',
    'ｐａｓｓｗｏｒｄ',
  ],
  'few different characters': [
    '        ',
    'aaaaaaaa',
    '\u00a0'.repeat(8),
    'abababababab',
    '🥬'.repeat(8),
    'aAaAaAaAbB',
    'xxyyzzxy',
  ],
  'a repetition': ['ada1ada1', 'xyz9xyz9xyz9', 'Ab1!ab1!AB1!'],
  'a sequence': ['12345678', '23456789', 'abcdefgh', 'ABCDEFGHIJ', '98765432', 'zyxwvuts', 'абвгдежз'],
};

for (const [what, passwords] of Object.entries(REFUSED)) {
  test.each(passwords)(`a new password is not ${what}: %j`, async (password) => {
    const { status, body } = await register({ password });
    expect([status, body.code]).toEqual([400, 'invalid_request']);
    expect(body.errors).toContainEqual(expect.objectContaining({ in: 'body', pointer: '/password' }));
  });
}

test.each([
  ['the email', { email: 'grace.h@example.com', password: 'Grace.H@example.com' }],
  ['the email before its @', { email: 'grace.hopper@example.com', password: 'grace.hopper' }],
  ['the username', { username: 'gracehopper', password: ' GraceHopper ' }],
])('a new password is not %s', async (_what, given) => {
  const { status, body } = await register(given);
  expect(status).toBe(400);
  expect(body.errors).toContainEqual(expect.objectContaining({ pointer: '/password' }));
});

test.each([
  'correct horse battery',
  'Tr0ub4dor&3x',
  'ほげふがぴよまめ',
  'abcdefgi',
  'zq8 zq8 zq9',
  'xxyyzzxw',
])('others are accepted, however they are made up: %s', async (password) => {
  expect((await register({ password })).status).toBe(201);
});

test('a refused password is not counted as a registration', async () => {
  const { from } = authFunction(on, undefined, { loginsPerAddress: 2, registrationsPerAddress: 1 });
  for (const password of ['password', '12345678', '        ']) {
    const { status } = await from('198.51.100.40', '/api/auth/register/', { ...newcomer(), password });
    expect(status).toBe(400);
  }
  expect((await from('198.51.100.40', '/api/auth/register/', newcomer())).status).toBe(201);
});

test('an older password that breaks the rules still logs in', async () => {
  const { username, email } = newcomer();
  const { body } = await auth.post('/api/auth/register/', { username, email, password: 'not yet so common' });
  const hash = await hashPassword('password');
  await on.admin`update users set password_hash = ${hash} where id = ${body.user.id}`;
  expect((await auth.post('/api/token/', { username, password: 'password' })).status).toBe(200);
});
