import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, type Dispatcher, request } from 'undici';
import { startLoopbackServer } from '../../process/loopback-server.ts';

/** One of this many messages is sent twice. */
const DOUBLE_EVERY = 10;

/** Longest delay of the second message, in seconds. */
const DOUBLE_WITHIN_SECONDS = 5;

const JSON_PROTOCOL = 'application/x-amz-json-1.0';

/** A message to send, with the names of SendMessage and of SendMessageBatch's entries. */
interface Message {
  readonly Id?: string;
  readonly MessageBody: string;
  readonly DelaySeconds?: number;
  readonly MessageGroupId?: string;
}

type Sent = { QueueUrl: string; Entries?: Message[] } & Partial<Message>;

export interface QueueProxy {
  /** Address in place of SQS's address, without a trailing slash. */
  readonly endpoint: string;
  /** Sets the address to which requests are passed. Undefined: cuts all open and new connections. */
  passTo(upstream: string | undefined): void;
  /** Calls SQS directly. The call is neither counted nor doubled. */
  ask(action: string, body: unknown): Promise<Record<string, unknown>>;
  /** Number of messages that were sent a second time. */
  doubled(): number;
  /** Number of messages that a queue has delivered. */
  received(queueName: string): number;
  /** Requests passed on, by action. */
  requestCounts(): Readonly<Record<string, number>>;
  stop(): Promise<void>;
}

/** Starts a proxy for SQS that doubles messages and can be away. */
export async function startQueueProxy(): Promise<QueueProxy> {
  const counts: Record<string, number> = {};
  const received = new Map<string, number>();
  let upstream: string | undefined;
  let dispatcher = new Agent();
  let messages = 0;
  let doubled = 0;

  const pass = async (
    path: string,
    given: Pick<Dispatcher.RequestOptions, 'headers' | 'body' | 'signal'>,
  ) => {
    const answer = await request(`${upstream}${path}`, { method: 'POST', dispatcher, ...given });
    return { status: answer.statusCode, headers: answer.headers, body: await answer.body.text() };
  };

  const ask = async (action: string, body: unknown) => {
    const answer = await pass('/', { headers: headersOf(action), body: JSON.stringify(body) });
    if (answer.status !== 200) throw new Error(`SQS ${action} answered ${answer.status}: ${answer.body}`);
    return answer.body === '' ? {} : JSON.parse(answer.body);
  };

  const double = async (QueueUrl: string, { Id: _, DelaySeconds = 0, ...message }: Message) => {
    doubled += 1;
    const later = Math.floor(Math.random() * (DOUBLE_WITHIN_SECONDS + 1));
    await ask('SendMessage', { QueueUrl, ...message, DelaySeconds: DelaySeconds + later });
  };

  const { server, url, stop } = await startLoopbackServer(async (incoming, answer) => {
    const left = new AbortController();
    answer.on('close', () => left.abort());
    try {
      const body = await text(incoming);
      const action = String(incoming.headers['x-amz-target']).replace('AmazonSQS.', '');
      if (upstream === undefined) return answer.destroy();
      counts[action] = (counts[action] ?? 0) + 1;
      const passed = await pass(incoming.url ?? '/', {
        headers: headersOf(action),
        body,
        signal: left.signal,
      });
      const { connection: _, 'keep-alive': __, 'transfer-encoding': ___, ...headers } = passed.headers;
      answer.writeHead(passed.status, headers).end(passed.body);
      if (passed.status !== 200) return;
      if (action === 'ReceiveMessage') {
        const name = String(JSON.parse(body).QueueUrl).split('/').at(-1) ?? '';
        received.set(name, (received.get(name) ?? 0) + passed.body.split('"ReceiptHandle"').length - 1);
      }
      for (const { QueueUrl, message } of sentBy(action, body)) {
        messages += 1;
        if (messages % DOUBLE_EVERY === 0) await double(QueueUrl, message).catch(() => {});
      }
    } catch {
      answer.destroy();
    }
  });

  return {
    endpoint: url,
    passTo: (address) => {
      upstream = address;
      if (address !== undefined) return;
      server.closeAllConnections();
      void dispatcher.destroy();
      dispatcher = new Agent();
    },
    ask,
    doubled: () => doubled,
    received: (queueName) => received.get(queueName) ?? 0,
    requestCounts: () => ({ ...counts }),
    stop: async () => {
      await stop();
      await Promise.race([dispatcher.destroy(), sleep(1_000)]);
    },
  };
}

function headersOf(action: string): Record<string, string> {
  return { 'content-type': JSON_PROTOCOL, 'x-amz-target': `AmazonSQS.${action}` };
}

function sentBy(action: string, body: string): { QueueUrl: string; message: Message }[] {
  if (action !== 'SendMessage' && action !== 'SendMessageBatch') return [];
  const { QueueUrl, Entries, MessageBody, ...rest }: Sent = JSON.parse(body);
  const entries = Entries ?? (MessageBody === undefined ? [] : [{ ...rest, MessageBody }]);
  return entries.map((message) => ({ QueueUrl, message }));
}
