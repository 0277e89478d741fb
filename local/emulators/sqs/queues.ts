import { mkdir } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { startLoopbackServer } from '../../process/loopback-server.ts';
import type { QueueSpec } from '../../template/deployment.ts';
import { ACCOUNT } from '../../template/physical.ts';
import { endpointGuard } from '../http/endpoint-guard.ts';
import { perform } from './actions.ts';
import { Queue } from './queue.ts';
import { QueueStore, type StoredQueue } from './queue-store.ts';
import { SqsError } from './sqs-error.ts';
import { type Ask, requestsBy, type SqsRequests } from './sqs-requests.ts';

export interface Queues {
  /** SQS's address, without a trailing slash. */
  readonly endpoint: string;
  /** The requests for callers in this process, without the network. They are counted like those over HTTP. */
  readonly requests: SqsRequests;
  /** Creates missing queues, and sets the template's attributes on existing ones. */
  create(queues: readonly Omit<QueueSpec, 'url'>[]): void;
  /** Number of SQS requests so far, by action: `SendMessageBatch`, `ReceiveMessage`, … */
  requestCounts(): Readonly<Record<string, number>>;
  stop(): Promise<void>;
}

export type StartQueues = (options: { dataDir: string }) => Promise<Queues>;

/**
 * Actions whose loss is harmless: a message is received or deleted once more. All other actions are answered after the
 * commit.
 */
const REPEATABLE = /^(Receive|Delete|Change)/;

/**
 * Starts the emulator of SQS on the loopback interface, with the messages of an earlier run. It has standard queues in
 * the order of SQS's fair queues, and speaks the JSON protocol.
 */
export const startQueues: StartQueues = async ({ dataDir }) => {
  await mkdir(dataDir, { recursive: true });
  const store = new QueueStore(join(dataDir, 'queues.db'));
  const queues = new Map<string, Queue>();
  const open = (stored: StoredQueue) => {
    const queue = new Queue(stored, store, queues);
    queues.set(queue.name, queue);
    return queue;
  };
  for (const stored of store.queues()) open(stored);
  const create = (name: string) => open({ name, attributes: {} });
  const urlOf = ({ name }: Queue) => `${endpoint}/${ACCOUNT}/${name}`;
  const counts: Record<string, number> = {};
  const ask: Ask = async (action, input, signal) => {
    counts[action] = (counts[action] ?? 0) + 1;
    const output = await perform(action, input, { queues, create, urlOf, signal });
    if (!REPEATABLE.test(action)) await store.committed();
    return output ?? {};
  };

  const guard = endpointGuard();
  const { server, url, stop } = await startLoopbackServer((request, response) => {
    if (guard.admits(request, response)) void answer(ask, request, response);
  });
  server.keepAliveTimeout = 65_000;
  const endpoint = url + guard.path;

  return {
    endpoint,
    requests: requestsBy(ask),
    create: (specs) => {
      for (const { name, attributes } of specs)
        (queues.get(name) ?? create(name)).change({ RedrivePolicy: '', ...attributes });
    },
    requestCounts: () => ({ ...counts }),
    stop: async () => {
      await stop();
      store.close();
    },
  };
};

async function answer(ask: Ask, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const write = (status: number, body: object, headers = {}) => {
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0', ...headers });
    response.end(JSON.stringify(body));
  };
  try {
    const [, action] = /^AmazonSQS\.([A-Z]\w+)$/.exec(String(request.headers['x-amz-target'])) ?? [];
    if (!action) throw new SqsError('InvalidAction', 'X-Amz-Target must name an action of AmazonSQS.');
    write(200, await ask(action, JSON.parse(await text(request)), gone.signal));
  } catch (error) {
    const { message } = error as Error;
    const refusal = error instanceof SyntaxError ? new SqsError('MalformedInput', message) : error;
    if (!(refusal instanceof SqsError)) return write(500, { __type: 'InternalError', message });
    const body = { __type: `com.amazonaws.sqs#${refusal.code}`, message };
    write(400, body, { 'x-amzn-query-error': refusal.queryError });
  }
}
