import type { LambdaContext, LambdaEvent } from 'hono/aws-lambda';
import * as z from 'zod';
import { connect, connectionKeeper } from '../database/connect.ts';
import { createApp } from '../http/app/app.ts';
import { onLambda } from '../http/on-lambda.ts';
import { registerAuthRoutes } from '../http/routes/auth/auth.ts';
import { keyLoader } from '../identity/keys/load-keys.ts';
import { commonEnv, readEnv, signingEnv, tokenEnv } from './wiring/environment.ts';
import { logFault } from './wiring/logger.ts';
import { signingSecret } from './wiring/signing-secret.ts';

const env = readEnv({
  ...commonEnv,
  ...tokenEnv,
  ...signingEnv,
  LOGINS_PER_ADDRESS: z.coerce.number().int().min(1),
  REGISTRATIONS_PER_ADDRESS: z.coerce.number().int().min(1),
});
const db = connect(env.DATABASE_URL, env.DATABASE_CA_FILE);
const keepConnection = connectionKeeper(db);

const app = createApp(logFault);
registerAuthRoutes(app, {
  db,
  issuer: env.TOKEN_ISSUER,
  keys: keyLoader(db, signingSecret(env)),
  limits: {
    loginsPerAddress: env.LOGINS_PER_ADDRESS,
    registrationsPerAddress: env.REGISTRATIONS_PER_ADDRESS,
  },
});
const respond = onLambda(app);

export async function handler(event: LambdaEvent, context: LambdaContext) {
  // Without a database, the first statement fails, and the application answers 503.
  await keepConnection().catch(() => {});
  return respond(event, context);
}
