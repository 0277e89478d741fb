import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import * as z from 'zod';
import { CLIENT_SETTINGS } from '../aws/client-settings.ts';
import { rotatedSecret } from '../aws/rotated-secret.ts';
import { ROTATION_STEPS, rotate } from '../identity/keys/rotate-secret.ts';
import { readEnv } from './wiring/environment.ts';
import { logger } from './wiring/logger.ts';

const env = readEnv({ SIGNING_SECRET_ARN: z.string().min(1) });
const client = new SecretsManagerClient(CLIENT_SETTINGS);

const Rotation = z.object({
  // This function may rotate only this secret.
  SecretId: z.literal(env.SIGNING_SECRET_ARN),
  ClientRequestToken: z.string().min(1),
  Step: z.enum(ROTATION_STEPS),
});

/** Carries out one step of a rotation. Secrets Manager calls it once for each step. */
export const handler = async (event: unknown): Promise<void> => {
  const { SecretId, ClientRequestToken, Step } = Rotation.parse(event);
  await rotate(rotatedSecret(client, SecretId), Step, ClientRequestToken);
  logger.info('rotation step done', { step: Step, version: ClientRequestToken });
};
