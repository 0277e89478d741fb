import { createPrivateKey, createPublicKey, hkdfSync, webcrypto } from 'node:crypto';
import { type CryptoKey, calculateJwkThumbprint } from 'jose';
import { SIGNING_ALGORITHM } from '../access-token.ts';
import type { PublicKey } from '../public-key.ts';

/**
 * The versions of the signing secret in Secrets Manager. The previous version stays valid, so that a rotation logs nobody
 * out.
 */
export type SecretVersions = { current: string; previous?: string | undefined };

/** The keys of the auth function. All of them are derived from the secret, so every sandbox has the same keys. */
export type Keys = {
  /** Signs access tokens. */
  signing: { kid: string; privateKey: CryptoKey };
  /** Verify access tokens, also tokens that the previous secret signed. */
  published: readonly PublicKey[];
  /** Make the successors of refresh tokens. The current key is first. */
  succession: readonly [Uint8Array, ...Uint8Array[]];
};

/** 64 alphanumeric characters carry 381 bits. */
const MIN_SECRET_LENGTH = 64;

/** PKCS #8 around a raw Ed25519 seed (RFC 8410, section 7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Derives all keys from the secret. @throws Error when a secret is too short */
export async function deriveKeys({ current, previous }: SecretVersions): Promise<Keys> {
  const older = previous === undefined || previous === current ? [] : [previous];
  const signing = await deriveSigner(current);
  const verifying = [signing, ...(await Promise.all(older.map(deriveSigner)))];
  return {
    signing,
    published: verifying.map(({ kid, publicJwk }) => ({ kid, publicJwk })),
    succession: [successionKey(current), ...older.map(successionKey)],
  };
}

async function deriveSigner(secret: string): Promise<Keys['signing'] & PublicKey> {
  const der = Buffer.concat([PKCS8_PREFIX, expand(secret, 'access token signing')]);
  const privateKey = await webcrypto.subtle.importKey('pkcs8', der, SIGNING_ALGORITHM, false, ['sign']);
  const publicKey = createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
  const { x = '' } = publicKey.export({ format: 'jwk' });
  const identity = { kty: 'OKP', crv: 'Ed25519', x };
  const kid = await calculateJwkThumbprint(identity);
  return { kid, privateKey, publicJwk: { ...identity, kid, alg: SIGNING_ALGORITHM, use: 'sig' } };
}

function successionKey(secret: string): Uint8Array {
  return expand(secret, 'refresh token succession');
}

/** Derives one key of 32 bytes per purpose: a known key reveals nothing about the other keys. */
function expand(secret: string, purpose: string): Uint8Array {
  if (secret.length < MIN_SECRET_LENGTH) {
    throw new Error(`The signing secret must have at least ${MIN_SECRET_LENGTH} characters`);
  }
  return new Uint8Array(hkdfSync('sha256', secret, 'celeriac', purpose, 32));
}
