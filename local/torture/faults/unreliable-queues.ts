import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Queues, startQueues } from '../../emulators/sqs/queues.ts';
import { sqsRequests } from '../../emulators/sqs/sqs-requests.ts';
import { startQueueProxy } from './queue-proxy.ts';

export interface UnreliableQueues extends Queues {
  /** Number of messages that were sent a second time. */
  doubled(): number;
  /** Number of messages that a queue has delivered. */
  received(queueName: string): number;
  /** Stops the server during its work and starts it again: with its data on disk, or empty when `wiped`. */
  restart(options: { downMs: number; wiped: boolean }): Promise<void>;
  /** Number of messages of a queue: waiting, delayed and in flight. */
  depth(queueUrl: string): Promise<number>;
}

const COUNTS = [
  'ApproximateNumberOfMessages',
  'ApproximateNumberOfMessagesDelayed',
  'ApproximateNumberOfMessagesNotVisible',
] as const;

/** Starts the embedded SQS behind a proxy. It can be away, lose all messages, and deliver messages twice. */
export async function startUnreliableQueues({ dataDir }: { dataDir: string }): Promise<UnreliableQueues> {
  const proxy = await startQueueProxy();
  let server = await startQueues({ dataDir });
  let specs: Parameters<Queues['create']>[0] = [];
  proxy.passTo(server.endpoint);
  // The pollers also use the proxy.
  const requests = sqsRequests(proxy.endpoint);
  return {
    endpoint: proxy.endpoint,
    requests,
    create: (queues) => {
      specs = queues;
      server.create(queues);
    },
    requestCounts: proxy.requestCounts,
    doubled: proxy.doubled,
    received: proxy.received,
    restart: async ({ downMs, wiped }) => {
      proxy.passTo(undefined);
      await server.stop();
      if (wiped) await rm(dataDir, { recursive: true, force: true });
      await sleep(downMs);
      server = await startQueues({ dataDir });
      server.create(specs);
      proxy.passTo(server.endpoint);
    },
    depth: async (QueueUrl) => {
      const { Attributes } = (await proxy.ask('GetQueueAttributes', {
        QueueUrl,
        AttributeNames: COUNTS,
      })) as {
        Attributes: Record<string, string>;
      };
      return COUNTS.reduce((sum, name) => sum + Number(Attributes[name] ?? 0), 0);
    },
    stop: async () => {
      await requests.close();
      await proxy.stop();
      await server.stop();
    },
  };
}
