import { expect, test } from 'vitest';
import { hashPassword, isOutdated, verifyPassword } from './password.ts';
import { cheapHash } from './testing/auth-function.ts';

test('a hash is a PHC string with the cost that OWASP asks for, and salted', async () => {
  const [one, other] = await Promise.all([hashPassword('open sesame'), hashPassword('open sesame')]);
  expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
  expect(one).not.toBe(other);
  expect(isOutdated(one)).toBe(false);
});

test('a password is known by its hash', async () => {
  const stored = await hashPassword('open sesame');
  expect(await verifyPassword(stored, 'open sesame')).toBe(true);
  for (const wrong of ['open sesame ', 'Open sesame', '']) {
    expect(await verifyPassword(stored, wrong)).toBe(false);
  }
});

test('the same characters in other code points are the same password', async () => {
  const stored = await hashPassword('caf\u00e9 au lait');
  expect(await verifyPassword(stored, 'cafe\u0301 au lait')).toBe(true);
});

test('a hash of another cost is good, and outdated', async () => {
  const stored = cheapHash('open sesame');
  expect(await verifyPassword(stored, 'open sesame')).toBe(true);
  expect(await verifyPassword(stored, 'open barley')).toBe(false);
  expect(isOutdated(stored)).toBe(true);
});

test('an unknown user has no valid password', async () => {
  expect(await verifyPassword(null, '')).toBe(false);
});

test('an invalid stored hash is a fault, and is not quoted', async () => {
  await expect(verifyPassword('$2b$10$secret', 'x')).rejects.toThrow(
    /^A stored password hash is not a PHC string of argon2id$/,
  );
});
