import type { LambdaContext, LambdaEvent } from 'hono/aws-lambda';
import { connect, connectionKeeper } from '../database/connect.ts';
import { createApi } from '../http/api.ts';
import { onLambda } from '../http/on-lambda.ts';
import { publishedKeys } from '../identity/keys/published-keys.ts';
import { changeNotifier } from './change-notifier.ts';
import { artifacts, queues } from './wiring/clients.ts';
import { artifactsEnv, commonEnv, notifierEnv, queueEnv, readEnv, tokenEnv } from './wiring/environment.ts';
import { logFault } from './wiring/logger.ts';
import { metricsEnv, metricsOf } from './wiring/metrics.ts';

const env = readEnv({
  ...commonEnv,
  ...queueEnv,
  ...notifierEnv,
  ...tokenEnv,
  ...metricsEnv,
  ...artifactsEnv,
});
const db = connect(env.DATABASE_URL, env.DATABASE_CA_FILE);
const keepConnection = connectionKeeper(db);
const notifier = changeNotifier(env);
const { measure, flush } = metricsOf(env);
const deps = {
  db,
  measure,
  ...queues(env),
  ...artifacts(env),
  announce: notifier.announce,
  membershipEnded: notifier.membershipEnded,
  issuer: env.TOKEN_ISSUER,
  findKey: publishedKeys(db),
};
const handleHttp = onLambda(createApi(deps, logFault));

export const handler = async (event: LambdaEvent, context: LambdaContext) => {
  // Without a database, the first statement fails, and the application answers 503.
  await keepConnection().catch(() => {});
  const answer = await handleHttp(event, context);
  await notifier.flush();
  flush();
  return answer;
};
