import type { LambdaContext, LambdaEvent } from 'hono/aws-lambda';
import { connect, wakener } from '../database/connect.ts';
import { createApi } from '../http/api.ts';
import { onLambda } from '../http/on-lambda.ts';
import { withinLimit } from '../http/within-limit.ts';
import { publishedKeys } from '../identity/keys/published-keys.ts';
import { listeners } from './change-notifier.ts';
import { artifacts, queues } from './wiring/clients.ts';
import { artifactsEnv, commonEnv, listenersEnv, queueEnv, readEnv, tokenEnv } from './wiring/environment.ts';
import { logFault } from './wiring/logger.ts';
import { meterEnv, meterOf } from './wiring/metrics.ts';

const env = readEnv({
  ...commonEnv,
  ...queueEnv,
  ...listenersEnv,
  ...tokenEnv,
  ...meterEnv,
  ...artifactsEnv,
});
const db = connect(env.DATABASE_URL, env.DATABASE_CA_FILE);
const wake = wakener(db);
const told = listeners(env);
const { measure, flush } = meterOf(env);
const deps = {
  db,
  measure,
  ...queues(env),
  ...artifacts(env),
  announce: told.announce,
  membershipEnded: told.membershipEnded,
  issuer: env.TOKEN_ISSUER,
  findKey: publishedKeys(db),
};
const handleHttp = onLambda(createApi(deps, logFault));

export const handler = async (event: LambdaEvent, context: LambdaContext) => {
  // If the database is away, the first statement fails, and the application answers 503.
  await wake().catch(() => {});
  const answer = await handleHttp(event, context);
  await told.flush();
  flush();
  return withinLimit(answer);
};
