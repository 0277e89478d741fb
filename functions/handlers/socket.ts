import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import * as z from 'zod';
import { CLIENT_SETTINGS } from '../aws/client-settings.ts';
import { connect, connectionKeeper } from '../database/connect.ts';
import { verifyAccessToken } from '../identity/access-token.ts';
import { publishedKeys } from '../identity/keys/published-keys.ts';
import { type SocketInput, socketEvents } from '../realtime/socket-events.ts';
import { sockets } from './wiring/clients.ts';
import { commonEnv, readEnv, socketEnv, tokenEnv } from './wiring/environment.ts';
import { logFault } from './wiring/logger.ts';

const env = readEnv({
  ...commonEnv,
  ...socketEnv,
  ...tokenEnv,
  TOKEN_IN_URL: z.enum(['allowed', 'refused']),
  AWS_LAMBDA_FUNCTION_NAME: z.string().min(1),
});
const db = connect(env.DATABASE_URL, env.DATABASE_CA_FILE);
const keepConnection = connectionKeeper(db);
const verification = { issuer: env.TOKEN_ISSUER, findKey: publishedKeys(db) };
const lambda = new LambdaClient(CLIENT_SETTINGS);

const { post, close } = sockets(env);

const handleEvent = socketEvents({
  db,
  post,
  close,
  verifyToken: (token) => verifyAccessToken(verification, token),
  tokenInUrlAllowed: env.TOKEN_IN_URL === 'allowed',
  logFault,
  // A connection cannot receive anything during its own $connect, so another invocation sends the first frame.
  greetLater: async (greeting) => {
    await lambda.send(
      new InvokeCommand({
        FunctionName: env.AWS_LAMBDA_FUNCTION_NAME,
        InvocationType: 'Event',
        Payload: JSON.stringify(greeting),
      }),
    );
  },
});

export const handler = async (event: SocketInput) => {
  await keepConnection();
  const answer = await handleEvent(event);
  // API Gateway's metrics do not tell a 5xx answer from a refusal. A thrown error counts as an error of the function.
  if (answer.statusCode >= 500) throw new Error('The event failed; the previous log line has the cause');
  return answer;
};
