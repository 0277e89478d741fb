import {
  GetSecretValueCommand,
  ResourceNotFoundException,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';

export type VersionStage = 'AWSCURRENT' | 'AWSPREVIOUS';

/**
 * Returns a function that reads a secret's text by the stage of its version.
 *
 * @returns undefined when the secret has no previous version, for example before its first rotation
 */
export function secretReader(client: SecretsManagerClient, secretId: string) {
  return async (stage: VersionStage): Promise<string | undefined> => {
    try {
      const command = new GetSecretValueCommand({ SecretId: secretId, VersionStage: stage });
      return (await client.send(command)).SecretString;
    } catch (error) {
      if (stage === 'AWSPREVIOUS' && error instanceof ResourceNotFoundException) return undefined;
      throw error;
    }
  };
}
