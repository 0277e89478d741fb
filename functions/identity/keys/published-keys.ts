import { type CryptoKey, importJWK } from 'jose';
import type { Database } from '../../database/connect.ts';
import { type FindVerificationKey, SIGNING_ALGORITHM } from '../access-token.ts';
import type { PublicKey } from '../public-key.ts';
import { readPublicKeys } from '../store.ts';

/** Seconds after which the table is read again. A key that was withdrawn from the table is accepted no longer than this. */
const REREAD_AFTER_SECONDS = 600;

/** Unknown key ids cause at most one query in this time, however many tokens are forged. */
const UNKNOWN_REREAD_SECONDS = 5;

/** Finds verification keys in `signing_keys`, and caches them in this sandbox. */
export function publishedKeys(db: Database): FindVerificationKey {
  return rememberKeys(() => readPublicKeys(db));
}

/**
 * Returns a lookup of keys that caches all keys that it has read.
 *
 * @param read reads all published keys
 * @param now  milliseconds
 */
export function rememberKeys(
  read: () => Promise<readonly PublicKey[]>,
  now: () => number = Date.now,
): FindVerificationKey {
  let keys = new Map<string, CryptoKey>();
  let readAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<void> | undefined;

  const reread = async () => {
    const startedAt = now();
    const published = await read();
    keys = new Map(await Promise.all(published.map(async (key) => [key.kid, await verifier(key)] as const)));
    readAt = startedAt;
  };

  return async (kid) => {
    const age = (now() - readAt) / 1000;
    if (age >= (keys.has(kid) ? REREAD_AFTER_SECONDS : UNKNOWN_REREAD_SECONDS)) {
      reading ??= reread().finally(() => {
        reading = undefined;
      });
      await reading;
    }
    return keys.get(kid);
  };
}

async function verifier({ publicJwk }: PublicKey): Promise<CryptoKey> {
  const key = await importJWK(publicJwk, SIGNING_ALGORITHM);
  if (key instanceof Uint8Array) throw new TypeError('signing_keys holds a key that is not a public key');
  return key;
}
