import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Queues, startQueues } from '../../emulators/sqs/queues.ts';
import { sqsRequests } from '../../emulators/sqs/sqs-requests.ts';
import { startQueueProxy } from './queue-proxy.ts';

export interface UnreliableQueues extends Queues {
  /** Messages that were sent a second time. */
  doubled(): number;
  /** Messages of a queue that were handed out. */
  received(queueName: string): number;
  /** Ends the server in the middle of its work and starts it again: with what it had on disk, or with nothing. */
  restart(options: { downMs: number; wiped: boolean }): Promise<void>;
  /** Messages of a queue that wait, are delayed or are in somebody's hands. */
  depth(queueUrl: string): Promise<number>;
}

const COUNTS = [
  'ApproximateNumberOfMessages',
  'ApproximateNumberOfMessagesDelayed',
  'ApproximateNumberOfMessagesNotVisible',
] as const;

/** The embedded SQS behind a proxy: it may be away, forget everything, and deliver messages twice. */
export async function startUnreliableQueues({ dataDir }: { dataDir: string }): Promise<UnreliableQueues> {
  const proxy = await startQueueProxy();
  let server = await startQueues({ dataDir });
  let specs: Parameters<Queues['create']>[0] = [];
  proxy.passTo(server.endpoint);
  // The pollers come by the proxy, too.
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
