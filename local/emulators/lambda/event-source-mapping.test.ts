import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ChangeMessageVisibilityBatchCommand,
  GetQueueAttributesCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Queues, startQueues } from '../sqs/queues.ts';
import { type SqsRequests, sqsRequests } from '../sqs/sqs-requests.ts';
import { type EventSourceMapping, startEventSourceMapping } from './event-source-mapping.ts';
import type { Lambda } from './lambda.ts';
import { startFixtureLambda } from './testing/fixtures.ts';

/** Reports failed messages, throws or waits, depending on the messages' bodies. */
const FUNCTION = `export const handler = async ({ Records }) => {
  console.log(JSON.stringify(Records));
  if (Records.some(({ body }) => body === 'slow')) await new Promise((r) => setTimeout(r, 300));
  if (Records.some(({ body }) => body === 'throw')) throw new Error('no');
  if (Records.some(({ body }) => body === 'nonsense')) return { batchItemFailures: [{ itemIdentifier: 'unknown' }] };
  return { batchItemFailures: Records.filter(({ body }) => body === 'fail').map(({ messageId }) => ({ itemIdentifier: messageId })) };
}`;

let dataDir: string;
let queues: Queues;
let requests: SqsRequests;
let client: SQSClient;
let lambda: Lambda;
let lines: string[];
let stopLambda: () => Promise<void>;
const mappings: EventSourceMapping[] = [];

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'celeriac-mapping-'));
  queues = await startQueues({ dataDir });
  requests = sqsRequests(queues.endpoint);
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  client = new SQSClient({ endpoint: queues.endpoint, region: 'us-east-1', credentials });
  ({ lambda, lines, stop: stopLambda } = await startFixtureLambda({ worker: FUNCTION }, { maxSandboxes: 4 }));
});
afterEach(async () => {
  await stopMappings();
  lines.splice(0);
  Object.assign(underWay, { most: 0, secondBegins: undefined });
});
afterAll(async () => {
  await stopLambda();
  await requests.close();
  await queues.stop();
  await rm(dataDir, { recursive: true });
});

type Rec = { body: string; attributes: Record<string, string> } & Record<string, unknown>;
const batches = (): Rec[][] =>
  lines.filter((line) => line.startsWith('[worker] [')).map((line) => JSON.parse(line.slice(9)));

/** Invocations under way: the current number, and the largest since the test began. */
const underWay: { now: number; most: number; secondBegins?: PromiseWithResolvers<void> | undefined } = {
  now: 0,
  most: 0,
};

const counted: Lambda['invoke'] = async (...call) => {
  underWay.now += 1;
  underWay.most = Math.max(underWay.most, underWay.now);
  if (underWay.now > 1) underWay.secondBegins?.resolve();
  try {
    const outcome = await lambda.invoke(...call);
    await underWay.secondBegins?.promise;
    return outcome;
  } finally {
    underWay.now -= 1;
  }
};

/** Stops the mappings and ends the batches under way. */
const stopMappings = () => Promise.all(mappings.splice(0).map((mapping) => mapping.stop()));

/** Creates a queue with a mapping. No test lasts as long as its visibility timeout. */
function listen(name: string, maximumConcurrency = 2) {
  const arn = `arn:aws:sqs:us-east-1:000000000000:${name}`;
  queues.create([{ name, arn, attributes: { VisibilityTimeout: '600' } }]);
  const url = `${queues.endpoint}/000000000000/${name}`;
  return {
    url,
    start: () =>
      mappings.push(
        startEventSourceMapping({
          mapping: {
            functionName: 'worker',
            queueName: name,
            batchSize: 10,
            maximumConcurrency,
            reportsItemFailures: true,
          },
          queue: { url, arn },
          requests,
          lambda: { invoke: counted },
          log: (line) => lines.push(line),
        }),
      ),
    send: (...bodies: string[]) =>
      client.send(
        new SendMessageBatchCommand({
          QueueUrl: url,
          Entries: bodies.map((MessageBody, index) => ({ Id: String(index), MessageBody })),
        }),
      ),
    /** Number of messages in the queue, visible or not. */
    left: async () => {
      const names = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'] as const;
      const command = new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: [...names] });
      const { Attributes = {} } = await client.send(command);
      return names.map((name) => Number(Attributes[name])).reduce((sum, count) => sum + count);
    },
    /** Ends the visibility timeout of the batch's messages that have not been deleted. */
    reveal: async (batch: readonly Rec[] = []) => {
      const Entries = batch.map(({ receiptHandle }, index) => ({
        Id: String(index),
        ReceiptHandle: String(receiptHandle),
        VisibilityTimeout: 0,
      }));
      await client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: url, Entries }));
    },
  };
}

test('a message becomes an SQS event', async () => {
  const { url, start } = listen('shape');
  start();
  const MessageAttributes = { colour: { DataType: 'String', StringValue: 'red' } };
  await client.send(new SendMessageCommand({ QueueUrl: url, MessageBody: 'one', MessageAttributes }));
  await expect.poll(batches).toHaveLength(1);
  expect(batches()[0]).toEqual([
    {
      messageId: expect.any(String),
      receiptHandle: expect.any(String),
      body: 'one',
      attributes: expect.objectContaining({
        ApproximateReceiveCount: '1',
        SentTimestamp: expect.stringMatching(/^\d{13}$/),
        SenderId: expect.any(String),
        ApproximateFirstReceiveTimestamp: expect.any(String),
      }),
      messageAttributes: {
        colour: { stringValue: 'red', dataType: 'String', stringListValues: [], binaryListValues: [] },
      },
      md5OfBody: 'f97c5d29941bfb1b2fdab0874906ab82',
      eventSource: 'aws:sqs',
      eventSourceARN: 'arn:aws:sqs:us-east-1:000000000000:shape',
      awsRegion: 'us-east-1',
    },
  ]);
});

test('only the messages named as failed come back', async () => {
  const { start, send, left, reveal } = listen('partial');
  await send('ok', 'fail', 'fine');
  start();
  await expect.poll(async () => [batches().length, await left()]).toEqual([1, 1]);
  await reveal(batches()[0]);
  await expect.poll(batches).toHaveLength(2);
  const [first, second] = batches();
  expect(first?.map(({ body }) => body)).toEqual(['ok', 'fail', 'fine']);
  expect(second?.map(({ body }) => body)).toEqual(['fail']);
  expect(second?.[0]?.attributes.ApproximateReceiveCount).toBe('2');
});

for (const body of ['throw', 'nonsense']) {
  test(`a batch answered with ${body} comes back whole`, async () => {
    const { start, send, reveal } = listen(`whole-${body}`);
    await send('ok', body);
    start();
    await expect.poll(() => [batches().length, underWay.now]).toEqual([1, 0]);
    await reveal(batches()[0]);
    await expect.poll(batches).toHaveLength(2);
    expect(
      batches()[1]
        ?.map((record) => record.body)
        .toSorted(),
    ).toEqual(['ok', body].toSorted());
  });
}

test('no more invocations run at once than the mapping allows', async () => {
  const { start, send } = listen('bounded', 2);
  for (let batch = 0; batch < 3; batch++) await send(...Array.from({ length: 10 }, () => 'slow'));
  // The first invocation does not end before the second has begun.
  underWay.secondBegins = Promise.withResolvers();
  start();
  await expect.poll(batches).toHaveLength(3);
  expect(underWay.most).toBe(2);
});

test('stopping lets the batch under way end, and deletes its messages', async () => {
  const { start, send, left } = listen('stopping');
  start();
  await send('slow');
  await expect.poll(batches).toHaveLength(1);
  await stopMappings();
  expect(await left()).toBe(0);
});

test('messages shortly after a batch go into the next batch, which does not wait for a slow one', async () => {
  const arn = 'arn:aws:sqs:us-east-1:000000000000:close';
  const waiting = [received('first')];
  const invoked: string[][] = [];
  const slow = Promise.withResolvers<void>();
  const mapping = startEventSourceMapping({
    mapping: { functionName: 'worker', queueName: 'close', batchSize: 10, reportsItemFailures: true },
    queue: { url: 'http://sqs/0/close', arn },
    requests: {
      ...requests,
      receive: async (_url, { max, signal }) => {
        while (waiting.length === 0 && !signal?.aborted) await new Promise(setImmediate);
        return waiting.splice(0, max);
      },
      remove: async () => {},
    },
    lambda: {
      invoke: async (_name, payload) => {
        invoked.push(JSON.parse(payload).Records.map(({ body }: Rec) => body));
        if (invoked.length === 1) {
          waiting.push(received('second'));
          await Promise.resolve();
          waiting.push(received('third'));
          await slow.promise;
        }
        return { payload: '{}' };
      },
    },
    log: (line) => lines.push(line),
  });
  await expect.poll(() => invoked).toEqual([['first'], ['second', 'third']]);
  slow.resolve();
  await mapping.stop();
});

function received(body: string) {
  return { MessageId: body, ReceiptHandle: body, Body: body, MD5OfBody: '' };
}
