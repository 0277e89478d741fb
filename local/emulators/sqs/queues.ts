import { mkdir } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { buildApp } from 'fauxqs';
import type { QueueSpec } from '../../template/deployment.ts';
import { ACCOUNT, REGION } from '../../template/physical.ts';
import { endpointGuard } from '../http/endpoint-guard.ts';
import { makeFair, type Receive } from './fair-queue.ts';
import { loadFauxqs, type SqsQueue, type SqsRefusal } from './fauxqs.ts';
import { openJournal } from './queue-journal.ts';
import { sqsActions } from './sqs-actions.ts';
import type { SqsRequests } from './sqs-requests.ts';

export interface Queues {
  /** SQS's address, without a trailing slash. */
  readonly endpoint: string;
  /** The same for those in this process, without the way over the network; they are counted alike. */
  readonly requests: SqsRequests;
  /** Makes the queues that are missing and gives those that exist the template's attributes. */
  create(queues: readonly Omit<QueueSpec, 'url'>[]): void;
  /** SQS requests answered so far, by action: `SendMessageBatch`, `ReceiveMessage`, … */
  requestCounts(): Readonly<Record<string, number>>;
  stop(): Promise<void>;
}

export type StartQueues = (options: { dataDir: string }) => Promise<Queues>;

/**
 * Starts the embedded SQS on the loopback interface, with the messages that an earlier run left.
 *
 * It is fauxqs, but for what every task comes by: the order of its queues, its journal, and the actions that send,
 * receive and delete, which answer here without the web framework.
 *
 * @param options.port 0 takes any free port
 */
export async function startQueues(options: { dataDir: string; port?: number }): Promise<Queues> {
  await mkdir(options.dataDir, { recursive: true });
  const fauxqs = await loadFauxqs();
  const [sqsStore, snsStore, s3Store] = [new fauxqs.SqsStore(), new fauxqs.SnsStore(), new fauxqs.S3Store()];
  const journal = openJournal(fauxqs, options.dataDir);
  // Loaded before the stores know the journal, so that loading does not write.
  journal.load(sqsStore, snsStore, s3Store);
  for (const writer of [sqsStore, ...sqsStore.allQueues()]) Object.assign(writer, { persistence: journal });

  const receivers = new Map<SqsQueue, Receive>();
  /** Queues become fair when they are first met: the journal, the template and CreateQueue make some. */
  const receiveFrom = (queue: SqsQueue): Receive => {
    const receive = receivers.get(queue) ?? makeFair(queue, sqsStore, journal);
    receivers.set(queue, receive);
    return receive;
  };
  const actions = sqsActions(fauxqs, receiveFrom);
  const counts: Record<string, number> = {};
  const count = (action: string) => {
    counts[action] = (counts[action] ?? 0) + 1;
  };

  async function perform(
    name: string,
    input: Record<string, unknown>,
    signal?: AbortSignal,
  ): Promise<unknown> {
    const queue = sqsStore.getQueue(String(input.QueueUrl));
    if (!queue) throw new fauxqs.QueueDoesNotExistError();
    receiveFrom(queue);
    const answer = await actions[name]?.(queue, input, signal);
    // A message that was accepted is kept. One that is received or deleted once too often does no harm.
    if (name.startsWith('Send')) await journal.written();
    return answer;
  }

  async function answer(name: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const write = (status: number, body: unknown, headers = {}) => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0', ...headers });
      response.end(JSON.stringify(body));
    };
    try {
      write(200, await perform(name, JSON.parse(await text(request)), gone.signal));
    } catch (error) {
      if (!isRefusal(error)) return void response.destroy();
      write(error.statusCode, error, { 'x-amzn-query-error': queryError(error) });
    }
  }

  const app = buildApp({ logger: false, defaultRegion: REGION, stores: { sqsStore, snsStore, s3Store } });
  await app.ready();
  const guard = endpointGuard();
  const server = createServer((request, response) => {
    if (!guard.admits(request, response)) return;
    const name = String(request.headers['x-amz-target'] ?? '').replace('AmazonSQS.', '');
    if (name) count(name);
    if (name in actions) void answer(name, request, response);
    else app.routing(request, response);
  });
  server.keepAliveTimeout = 65_000;
  await new Promise<void>((listening, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', listening);
  });
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}${guard.path}`;

  const here = (name: string, input: Record<string, unknown>, signal?: AbortSignal): Promise<unknown> => {
    count(name);
    return perform(name, input, signal);
  };

  return {
    endpoint,
    requests: {
      receive: async (QueueUrl, MaxNumberOfMessages, WaitTimeSeconds, signal) => {
        const names = { MessageSystemAttributeNames: ['All'], MessageAttributeNames: ['All'] };
        const input = { QueueUrl, MaxNumberOfMessages, WaitTimeSeconds, ...names };
        const { Messages = [] } = (await here('ReceiveMessage', input, signal)) as {
          Messages?: Awaited<ReturnType<SqsRequests['receive']>>;
        };
        return Messages;
      },
      remove: async (QueueUrl, handles) => {
        const Entries = handles.map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle }));
        await here('DeleteMessageBatch', { QueueUrl, Entries });
      },
      giveBack: async (QueueUrl, handles) => {
        count('ChangeMessageVisibilityBatch');
        for (const handle of handles) sqsStore.getQueue(QueueUrl)?.changeVisibility(handle, 1);
      },
      send: async (QueueUrl, MessageBody) => {
        await here('SendMessage', { QueueUrl, MessageBody });
      },
      close: async () => {},
    },
    create: (queues) => {
      for (const { name, arn, attributes } of queues) {
        const url = `${endpoint}/${ACCOUNT}/${name}`;
        const existing = sqsStore.getQueueByName(name);
        if (existing) {
          Object.assign(existing, { url });
          existing.setAttributes({ RedrivePolicy: '', ...attributes });
        } else {
          sqsStore.createQueue(name, url, arn, { ...attributes }, {});
        }
      }
      for (const queue of sqsStore.allQueues()) receiveFrom(queue);
    },
    requestCounts: () => ({ ...counts }),
    stop: async () => {
      const closed = new Promise((done) => server.close(done));
      server.closeAllConnections();
      await closed;
      await app.close();
      journal.close();
    },
  };
}

/** The code that the SDK names the error by: only SQS's own errors carry its name. */
function queryError({ queryErrorHeader }: SqsRefusal): string {
  return queryErrorHeader.replace(
    /^AWS\.SimpleQueueService\.(?=(InvalidParameterValue|MissingParameter);)/,
    '',
  );
}

function isRefusal(error: unknown): error is SqsRefusal {
  return error instanceof Error && 'queryErrorHeader' in error;
}
