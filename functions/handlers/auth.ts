import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { LambdaContext, LambdaEvent } from 'hono/aws-lambda';
import * as z from 'zod';
import { CLIENT_SETTINGS } from '../aws/client-settings.ts';
import { secretReader } from '../aws/secrets.ts';
import { connect, wakener } from '../database/connect.ts';
import { createApp } from '../http/app.ts';
import { onLambda } from '../http/on-lambda.ts';
import { registerAuthRoutes } from '../http/routes/auth.ts';
import { withinLimit } from '../http/within-limit.ts';
import type { SecretVersions } from '../identity/derived-keys.ts';
import { keyLoader } from '../identity/load-keys.ts';
import { publishedKeys } from '../identity/published-keys.ts';
import { commonEnv, readEnv, tokenEnv } from './environment.ts';
import { logFault } from './logger.ts';

const env = readEnv({ ...commonEnv, ...tokenEnv, SIGNING_SECRET_ARN: z.string().min(1) });
const db = connect(env.DATABASE_URL, env.DATABASE_CA_FILE);
const wake = wakener(db);
const readVersion = secretReader(new SecretsManagerClient(CLIENT_SETTINGS), env.SIGNING_SECRET_ARN);

const app = createApp(logFault);
registerAuthRoutes(app, {
  db,
  issuer: env.TOKEN_ISSUER,
  keys: keyLoader(db, readSigningSecret),
  findKey: publishedKeys(db),
});
const respond = onLambda(app);

export async function handler(event: LambdaEvent, context: LambdaContext) {
  // If the database is away, the first statement fails, and the application answers 503.
  await wake().catch(() => {});
  return withinLimit(await respond(event, context));
}

async function readSigningSecret(): Promise<SecretVersions> {
  const [current, previous] = await Promise.all([readVersion('AWSCURRENT'), readVersion('AWSPREVIOUS')]);
  if (current === undefined) throw new Error('The signing secret has no value');
  return { current, previous };
}
