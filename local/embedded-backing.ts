import type { Backing } from './backing.ts';
import { deliveries } from './deliveries.ts';
import { SUPERUSER, startPostgres } from './postgres.ts';
import { startQueues } from './queues.ts';
import { webSocketApi } from './websocket-api.ts';
import { askHere } from './websocket-management.ts';

/**
 * Starts the database and the queues that come with the npm packages; the rest runs in this process.
 *
 * @param options.undo ends them
 */
export async function embeddedBacking(options: {
  inDataDir: (name: string) => string;
  durable: boolean;
  log: (line: string) => void;
  undo: AsyncDisposableStack;
}): Promise<Backing> {
  const { inDataDir, durable, log, undo } = options;
  const starting = [
    undone(undo, startPostgres({ dataDir: inDataDir('postgres'), durable, log })),
    undone(undo, startQueues({ dataDir: inDataDir('queues') })),
  ] as const;
  // Both first, so that one that fails leaves none behind that starts later.
  await Promise.allSettled(starting);
  const [database, queues] = await Promise.all(starting);
  return {
    database: { ...database, user: SUPERUSER },
    queuesEndpoint: queues.endpoint,
    endpoints: { AWS_ENDPOINT_URL_SQS: queues.endpoint },
    create: async (deployment) => queues.create(deployment.queues),
    deliveries: (given) => deliveries({ ...given, requests: queues.requests }),
    openSockets: async ({ api, lambda }) => {
      const sockets = webSocketApi({ api, lambda });
      return { upgrade: sockets.upgrade, ask: askHere(sockets), gateways: () => [], stop: sockets.stop };
    },
    sqsRequestCounts: queues.requestCounts,
  };
}

/** Registers the stop of something as soon as it has started. */
export async function undone<T extends { stop(): Promise<void> }>(
  undo: AsyncDisposableStack,
  starting: Promise<T>,
): Promise<T> {
  const started = await starting;
  undo.defer(() => started.stop());
  return started;
}
