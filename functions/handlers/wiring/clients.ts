import { ApiGatewayManagementApiClient } from '@aws-sdk/client-apigatewaymanagementapi';
import { SQSClient } from '@aws-sdk/client-sqs';
import { bucketArtifacts } from '../../aws/artifacts.ts';
import { CLIENT_SETTINGS } from '../../aws/client-settings.ts';
import { type Received, sqsEnqueue, sqsGiveBack } from '../../aws/queues.ts';
import { type ReceivedMessage, sqsReceive } from '../../aws/receive.ts';
import { closeConnection, postFrame } from '../../aws/sockets.ts';
import { announcer } from '../../realtime/frames.ts';
import type { Bucket } from '../../tasks/artifacts/bucket.ts';
import type { DispatchSettings, Enqueue } from '../../tasks/task.ts';
import type { artifactsEnv, EnvOf, queueEnv, socketEnv } from './environment.ts';
import { logger } from './logger.ts';

/* Clients that several functions build from the same variables. */

type QueueEnv = EnvOf<typeof queueEnv>;

export function queues(env: QueueEnv): { enqueue: Enqueue; dispatch: DispatchSettings } {
  const urls = { interactive: env.INTERACTIVE_QUEUE_URL, bulk: env.BULK_QUEUE_URL };
  const complain = (error: unknown) =>
    logger.error('a message could not be sent; the dispatcher will', { error });
  return {
    enqueue: sqsEnqueue(new SQSClient(CLIENT_SETTINGS), {
      urls,
      traceHeader: () => process.env._X_AMZN_TRACE_ID,
      onFailure: complain,
    }),
    dispatch: {
      lookaheadSeconds: env.DISPATCH_LOOKAHEAD_SECONDS,
      resendSeconds: env.DISPATCH_RESEND_SECONDS,
    },
  };
}

/** Gives messages of the two queues back that an invocation could not work on. */
export function returns(env: QueueEnv): (messages: readonly Received[]) => Promise<void> {
  const urls = { interactive: env.INTERACTIVE_QUEUE_URL, bulk: env.BULK_QUEUE_URL };
  const complain = (error: unknown) => logger.error('messages could not be given back', { error });
  return sqsGiveBack(new SQSClient(CLIENT_SETTINGS), urls, complain);
}

const receivers = new Map<string, () => Promise<ReceivedMessage[]>>();

/**
 * Receives messages of one of the two queues.
 *
 * @param arn ARN of the queue
 * @throws Error when the ARN names neither of the two queues
 */
export function receiveFrom(env: QueueEnv, arn: string): () => Promise<ReceivedMessage[]> {
  const name = arn.slice(arn.lastIndexOf(':') + 1);
  const url = [env.INTERACTIVE_QUEUE_URL, env.BULK_QUEUE_URL].find((each) => each.endsWith(`/${name}`));
  if (url === undefined) throw new Error(`The worker received messages from an unknown queue: ${arn}`);
  const complain = (error: unknown) => logger.error('messages could not be deleted', { error });
  const receive = receivers.get(url) ?? sqsReceive(new SQSClient(CLIENT_SETTINGS), url, complain);
  receivers.set(url, receive);
  return receive;
}

export function artifacts(env: EnvOf<typeof artifactsEnv>): { artifacts: Bucket } {
  return {
    artifacts: bucketArtifacts({
      endpoint: env.AWS_ENDPOINT_URL_S3,
      region: env.AWS_REGION,
      bucket: env.ARTIFACTS_BUCKET,
      credentials: {
        accessKeyId: env.AWS_ACCESS_KEY_ID,
        secretAccessKey: env.AWS_SECRET_ACCESS_KEY,
        sessionToken: env.AWS_SESSION_TOKEN,
      },
    }),
  };
}

export function sockets(env: EnvOf<typeof socketEnv>) {
  const client = new ApiGatewayManagementApiClient({ ...CLIENT_SETTINGS, endpoint: env.SOCKET_ENDPOINT });
  const post = postFrame(client);
  return {
    post,
    close: closeConnection(client),
    announcer: announcer(post, (error) => logger.warn('a frame could not be posted', { error })),
  };
}
