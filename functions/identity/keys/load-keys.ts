import { recordIdentityEvent } from '../../audit/record.ts';
import type { Database } from '../../database/connect.ts';
import { publishKeys } from '../store.ts';
import { deriveKeys, type Keys, type SecretVersions } from './derived-keys.ts';

/**
 * Returns a function that derives the keys from the secret and publishes the public keys, once per sandbox, at its first
 * call. A failure is not remembered: the next call tries again. The first call must not happen inside a transaction.
 */
export function keyLoader(db: Database, readSecret: () => Promise<SecretVersions>): () => Promise<Keys> {
  const load = async () => {
    const keys = await deriveKeys(await readSecret());
    for (const kid of await publishKeys(db, keys.published)) {
      await recordIdentityEvent(db, { action: 'signing_key.published', target: kid });
    }
    return keys;
  };
  let loading: Promise<Keys> | undefined;
  return () => {
    loading ??= load().catch((cause) => {
      loading = undefined;
      throw cause;
    });
    return loading;
  };
}
