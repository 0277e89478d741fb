import type { LambdaContext, LambdaEvent } from 'hono/aws-lambda';
import { connect, connectionKeeper } from '../database/connect.ts';
import { createApp } from '../http/app/app.ts';
import { onLambda } from '../http/on-lambda.ts';
import { registerSessionRoutes } from '../http/routes/auth/auth.ts';
import { keyLoader } from '../identity/keys/load-keys.ts';
import { publishedKeys } from '../identity/keys/published-keys.ts';
import { commonEnv, readEnv, signingEnv, tokenEnv } from './wiring/environment.ts';
import { logFault } from './wiring/logger.ts';
import { signingSecret } from './wiring/signing-secret.ts';

const env = readEnv({ ...commonEnv, ...tokenEnv, ...signingEnv });
const db = connect(env.DATABASE_URL, env.DATABASE_CA_FILE);
const keepConnection = connectionKeeper(db);

const app = createApp(logFault);
registerSessionRoutes(app, {
  db,
  issuer: env.TOKEN_ISSUER,
  keys: keyLoader(db, signingSecret(env)),
  findKey: publishedKeys(db),
});
const respond = onLambda(app);

export async function handler(event: LambdaEvent, context: LambdaContext) {
  await keepConnection();
  return respond(event, context);
}
