import { webSocketApi } from '../emulators/api-gateway/websocket-api.ts';
import { askHere } from '../emulators/api-gateway/websocket-management.ts';
import { deliveries } from '../emulators/deliveries.ts';
import { startBuckets } from '../emulators/s3/buckets.ts';
import { type StartQueues, startQueues as startEmbedded } from '../emulators/sqs/queues.ts';
import { SUPERUSER, startPostgres } from '../postgres/cluster.ts';
import type { Backing, StartDatabase } from './backing.ts';

const startEmbeddedPostgres: StartDatabase = async (options) => ({
  ...(await startPostgres(options)),
  user: SUPERUSER,
});

/**
 * Starts the embedded database, queues and buckets. Everything else runs in this process.
 *
 * @param options.undo receives the stops of what was started
 */
export async function embeddedBacking(options: {
  inDataDir: (name: string) => string;
  durable: boolean;
  startDatabase: StartDatabase | undefined;
  startQueues: StartQueues | undefined;
  /** The secret key with which the functions sign their requests. */
  secretAccessKey: string;
  log: (line: string) => void;
  undo: AsyncDisposableStack;
}): Promise<Backing> {
  const { inDataDir, durable, secretAccessKey, log, undo } = options;
  const { startDatabase = startEmbeddedPostgres, startQueues = startEmbedded } = options;
  const starting = [
    undone(undo, startDatabase({ dataDir: inDataDir('postgres'), durable, log })),
    undone(undo, startQueues({ dataDir: inDataDir('queues') })),
    undone(undo, startBuckets({ dataDir: inDataDir('buckets'), secretAccessKey })),
  ] as const;
  // Waits for all of them first: if one fails, no other may start later and stay behind.
  await Promise.allSettled(starting);
  const [database, queues, buckets] = await Promise.all(starting);
  return {
    database,
    queuesEndpoint: queues.endpoint,
    endpoints: { AWS_ENDPOINT_URL_SQS: queues.endpoint, AWS_ENDPOINT_URL_S3: buckets.endpoint },
    create: async (deployment) => {
      queues.create(deployment.queues);
      buckets.create(deployment.buckets);
    },
    deliveries: (given) => deliveries({ ...given, requests: queues.requests }),
    openSockets: async ({ api, lambda }) => {
      const sockets = webSocketApi({ api, lambda });
      return { upgrade: sockets.upgrade, ask: askHere(sockets), gateways: () => [], stop: sockets.stop };
    },
    sqsRequestCounts: queues.requestCounts,
  };
}

/** Waits for the start of something and registers its stop. */
export async function undone<T extends { stop(): Promise<void> }>(
  undo: AsyncDisposableStack,
  starting: Promise<T>,
): Promise<T> {
  const started = await starting;
  undo.defer(() => started.stop());
  return started;
}
