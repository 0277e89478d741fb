import {
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  ResourceNotFoundException,
  type SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';
import type { RotatedSecret } from '../identity/keys/rotate-secret.ts';

/** Returns the operations that the rotation of a secret in Secrets Manager needs. */
export function rotatedSecret(client: SecretsManagerClient, SecretId: string): RotatedSecret {
  return {
    async versions() {
      const { VersionIdsToStages = {} } = await client.send(new DescribeSecretCommand({ SecretId }));
      return Object.entries(VersionIdsToStages).map(([id, stages]) => ({ id, stages }));
    },
    async readValue(VersionId, VersionStage) {
      try {
        const command = new GetSecretValueCommand({ SecretId, VersionId, VersionStage });
        return (await client.send(command)).SecretString;
      } catch (error) {
        if (error instanceof ResourceNotFoundException) return undefined;
        throw error;
      }
    },
    async putPending(version, SecretString) {
      await client.send(
        new PutSecretValueCommand({
          SecretId,
          ClientRequestToken: version,
          SecretString,
          VersionStages: ['AWSPENDING'],
        }),
      );
    },
    async moveCurrent(RemoveFromVersionId, MoveToVersionId) {
      await client.send(
        new UpdateSecretVersionStageCommand({
          SecretId,
          VersionStage: 'AWSCURRENT',
          MoveToVersionId,
          RemoveFromVersionId,
        }),
      );
    },
  };
}
