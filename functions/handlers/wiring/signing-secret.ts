import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { CLIENT_SETTINGS } from '../../aws/client-settings.ts';
import { secretReader } from '../../aws/secrets.ts';
import type { SecretVersions } from '../../identity/keys/derived-keys.ts';

/** Returns a function that reads the signing secret and its previous version. */
export function signingSecret(env: { SIGNING_SECRET_ARN: string }): () => Promise<SecretVersions> {
  const read = secretReader(new SecretsManagerClient(CLIENT_SETTINGS), env.SIGNING_SECRET_ARN);
  return async () => {
    const [current, previous] = await Promise.all([read('AWSCURRENT'), read('AWSPREVIOUS')]);
    if (current === undefined) throw new Error('The signing secret has no value');
    return { current, previous };
  };
}
