import { createHmac, generateKeyPairSync } from 'node:crypto';
import { importJWK, SignJWT, UnsecuredJWT } from 'jose';
import { expect, test } from 'vitest';
import { signAccessToken, verifyAccessToken } from './access-token.ts';
import { deriveKeys } from './keys/derived-keys.ts';

const issuer = 'https://celeriac.test';
const keys = await deriveKeys({ current: 'x'.repeat(64) });
const { kid, privateKey } = keys.signing;
const [{ publicJwk } = { publicJwk: undefined }] = keys.published;
const publicKey = await importJWK(publicJwk ?? {}, 'Ed25519');
const deps = {
  issuer,
  findKey: async (id: string) => (id === kid && !(publicKey instanceof Uint8Array) ? publicKey : undefined),
};
const principal = { userId: 'a user', sessionId: 'a session' };

const header = { alg: 'Ed25519', typ: 'at+jwt', kid };
const now = () => Math.floor(Date.now() / 1000);
const claims = () => ({
  iss: issuer,
  aud: 'celeriac',
  sub: 'a user',
  sid: 'a session',
  jti: 'an id',
  iat: now(),
  exp: now() + 600,
});
const without = (name: string) =>
  Object.fromEntries(Object.entries(claims()).filter(([key]) => key !== name));
const signed = (changedClaims: object, changedHeader: object = {}) =>
  new SignJWT({ ...claims(), ...changedClaims })
    .setProtectedHeader({ ...header, ...changedHeader })
    .sign(privateKey);
const encoded = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
const stranger = generateKeyPairSync('ed25519').privateKey;

test('a token has the principal that it was signed for', async () => {
  const token = await signAccessToken({ issuer, key: keys.signing }, principal);
  expect(await verifyAccessToken(deps, token)).toEqual(principal);
  expect(await verifyAccessToken(deps, await signed({}))).toEqual(principal);
});

const FORGED: Record<string, () => Promise<string> | string> = {
  'that is empty': () => '',
  'that is no JWT': () => 'a.b.c',
  'without signature': async () => (await signed({})).replace(/\.[^.]*$/, '.'),
  'with alg none': () => new UnsecuredJWT(claims()).encode(),
  'with alg none in a typed header': () => `${encoded({ ...header, alg: 'none' })}.${encoded(claims())}.`,
  'with our public key as an HMAC secret': () => {
    const body = `${encoded({ ...header, alg: 'HS256' })}.${encoded(claims())}`;
    return `${body}.${createHmac('sha256', JSON.stringify(publicJwk)).update(body).digest('base64url')}`;
  },
  'under the older name of the algorithm': () => signed({}, { alg: 'EdDSA' }),
  'signed by somebody else': () => new SignJWT(claims()).setProtectedHeader(header).sign(stranger),
  'that brings its own key': async () => {
    const { x } = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
    return new SignJWT(claims())
      .setProtectedHeader({ ...header, jwk: { kty: 'OKP', crv: 'Ed25519', x: String(x) } })
      .sign(stranger);
  },
  'of an unknown key': () => signed({}, { kid: 'unknown' }),
  'that names no key': () => signed({}, { kid: undefined }),
  'with changed claims': async () => {
    const [head, , signature] = (await signed({})).split('.');
    return `${head}.${encoded({ ...claims(), sub: 'somebody else' })}.${signature}`;
  },
  'for another audience': () => signed({ aud: 'elsewhere' }),
  'of another issuer': () => signed({ iss: 'https://elsewhere.test' }),
  'of another type': () => signed({}, { typ: 'JWT' }),
  'without a type': () => signed({}, { typ: undefined }),
  'that has expired': () => signed({ exp: now() - 1 }),
  'that is not valid yet': () => signed({ nbf: now() + 60 }),
  'that never expires': () => new SignJWT(without('exp')).setProtectedHeader(header).sign(privateKey),
  'without a user': () => new SignJWT(without('sub')).setProtectedHeader(header).sign(privateKey),
  'without a session': () => new SignJWT(without('sid')).setProtectedHeader(header).sign(privateKey),
  'with an extension that we do not know': () =>
    new SignJWT(claims())
      .setProtectedHeader({ ...header, crit: ['extension'], extension: true })
      .sign(privateKey, { crit: { extension: true } }),
  'that is too long': () => signed({ padding: 'x'.repeat(4000) }),
};
for (const [what, forge] of Object.entries(FORGED)) {
  test(`a token ${what} is refused`, async () => {
    await expect(verifyAccessToken(deps, await forge())).rejects.toMatchObject({
      kind: 'unauthenticated',
      code: 'token_not_valid',
    });
  });
}

test('a failure to read the keys is a fault, not an invalid token', async () => {
  const outage = new Error('connection refused');
  const findKey = () => Promise.reject(outage);
  await expect(verifyAccessToken({ issuer, findKey }, await signed({}))).rejects.toBe(outage);
});
