import { calculateJwkThumbprint } from 'jose';
import { expect, test } from 'vitest';
import { deriveKeys } from './derived-keys.ts';

const ONE = 'x'.repeat(64);
const TWO = 'y'.repeat(64);

test('every sandbox derives the same keys from a secret', async () => {
  const [here, there] = await Promise.all([deriveKeys({ current: ONE }), deriveKeys({ current: ONE })]);
  expect(here.published).toEqual(there.published);
  expect(here.succession).toEqual(there.succession);
});

test('a key is named by its RFC 7638 thumbprint', async () => {
  const { signing, published } = await deriveKeys({ current: ONE });
  const [key] = published;
  expect(await calculateJwkThumbprint(key?.publicJwk ?? {})).toBe(signing.kid);
});

test('published keys have no private part, and the signing key cannot be exported', async () => {
  const { signing, published } = await deriveKeys({ current: ONE });
  expect(Object.keys(published[0]?.publicJwk ?? {}).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x']);
  expect(signing.privateKey.extractable).toBe(false);
});

test('after a rotation the new secret signs and the previous one still verifies', async () => {
  const before = await deriveKeys({ current: ONE });
  const after = await deriveKeys({ current: TWO, previous: ONE });
  expect(after.signing.kid).not.toBe(before.signing.kid);
  expect(after.published.map(({ kid }) => kid)).toEqual([after.signing.kid, before.signing.kid]);
  expect(after.succession[1]).toEqual(before.succession[0]);
});

test('a previous secret that is the current one is not published twice', async () => {
  expect((await deriveKeys({ current: ONE, previous: ONE })).published).toHaveLength(1);
});

test('a short secret is refused', async () => {
  await expect(deriveKeys({ current: 'x'.repeat(63) })).rejects.toThrow(/at least 64 characters/);
});
