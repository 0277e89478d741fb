import { fileURLToPath } from 'node:url';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { Context } from 'aws-lambda';
import * as z from 'zod';
import { CLIENT_SETTINGS } from '../aws/client-settings.ts';
import { verifiedTls } from '../database/connect.ts';
import { migrate } from '../database/migrate.ts';
import { commonEnv, readEnv } from './wiring/environment.ts';
import { logger } from './wiring/logger.ts';

const env = readEnv({
  ...commonEnv,
  DATABASE_SECRET_ARN: z.string().min(1),
  QUOTAS: z.preprocess((text) => JSON.parse(String(text)), z.record(z.string(), z.int().positive())),
  /** Addresses and domains, separated by commas. */
  MAIL_SENDERS: z
    .string()
    .default('')
    .transform((senders) => senders.split(',').flatMap((sender) => sender.trim().toLowerCase() || [])),
});

const Secret = z.object({ username: z.string(), password: z.string() });

/** Milliseconds kept for reporting a lock that could not be taken, before Lambda ends the function. */
const RESERVE_MS = 30_000;

/** Runs once per deployment, before the functions that need the new schema. */
export const handler = async (_event: unknown, context: Pick<Context, 'getRemainingTimeInMillis'>) => {
  const secret = await new SecretsManagerClient(CLIENT_SETTINGS).send(
    new GetSecretValueCommand({ SecretId: env.DATABASE_SECRET_ARN }),
  );
  const { username, password } = Secret.parse(JSON.parse(secret.SecretString ?? ''));
  const options = { username, password, ...verifiedTls(env.DATABASE_CA_FILE) };
  const applied = await migrate(
    { url: env.DATABASE_URL, options },
    fileURLToPath(new URL('migrations', import.meta.url)),
    {
      report: (message, details) => logger.warn(message, details),
      quotas: env.QUOTAS,
      mailSenders: env.MAIL_SENDERS,
      maxWaitMs: context.getRemainingTimeInMillis() - RESERVE_MS,
    },
  );
  logger.info('migrated', { applied });
  return { applied };
};
