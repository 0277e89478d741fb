import { handle, type LambdaContext, type LambdaEvent } from 'hono/aws-lambda';
import { connect, wakener } from '../database/connect.ts';
import { createApi } from '../http/api.ts';
import { publishedKeys } from '../identity/published-keys.ts';
import { queues, sockets } from './clients.ts';
import { commonEnv, queueEnv, readEnv, socketEnv, tokenEnv } from './environment.ts';
import { logFault } from './logger.ts';

const env = readEnv({ ...commonEnv, ...queueEnv, ...socketEnv, ...tokenEnv });
const db = connect(env.DATABASE_URL, env.DATABASE_CA_FILE);
const wake = wakener(db);
const { announcer } = sockets(env);
const deps = {
  db,
  ...queues(env),
  announce: announcer.announce,
  issuer: env.TOKEN_ISSUER,
  findKey: publishedKeys(db),
};
const handleHttp = handle(createApi(deps, logFault));

export const handler = async (event: LambdaEvent, context: LambdaContext) => {
  await wake();
  const answer = await handleHttp(event, context);
  await announcer.flush();
  return answer;
};
