import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  PurgeQueueCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { QueueSpec } from '../../template/deployment.ts';
import { type Queues, startQueues } from './queues.ts';
import { sqsRequests } from './sqs-requests.ts';

const arn = (name: string) => `arn:aws:sqs:us-east-1:000000000000:${name}`;
const SPECS: Omit<QueueSpec, 'url'>[] = [
  { name: 'dead', arn: arn('dead'), attributes: {} },
  {
    name: 'work',
    arn: arn('work'),
    attributes: {
      VisibilityTimeout: '0',
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn: arn('dead'), maxReceiveCount: 1 }),
    },
  },
];

let dataDir: string;
let queues: Queues;
let client: SQSClient;

async function start(): Promise<void> {
  queues = await startQueues({ dataDir });
  queues.create(SPECS);
  client = new SQSClient({
    endpoint: queues.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
}

const url = (name: string) => `${queues.endpoint}/000000000000/${name}`;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'celeriac-queues-'));
  await start();
});
afterAll(async () => {
  await queues.stop();
  await rm(dataDir, { recursive: true });
});

test('it listens on the loopback interface alone', () => {
  expect(new URL(queues.endpoint).hostname).toBe('127.0.0.1');
});

test('queues have the attributes of the template', async () => {
  const command = new GetQueueAttributesCommand({ QueueUrl: url('work'), AttributeNames: ['All'] });
  expect((await client.send(command)).Attributes).toMatchObject({
    ...SPECS[1]?.attributes,
    QueueArn: arn('work'),
  });
});

test('a message that was received too often goes to the dead letters', async () => {
  await client.send(new SendMessageCommand({ QueueUrl: url('work'), MessageBody: 'poison' }));
  const receive = (name: string) =>
    client.send(new ReceiveMessageCommand({ QueueUrl: url(name), WaitTimeSeconds: 1 }));
  expect((await receive('work')).Messages).toHaveLength(1);
  expect((await receive('work')).Messages).toBeUndefined();
  const [dead] = (await receive('dead')).Messages ?? [];
  expect(dead?.Body).toBe('poison');
  await client.send(new DeleteMessageCommand({ QueueUrl: url('dead'), ReceiptHandle: dead?.ReceiptHandle }));
});

test('a delay of more than 15 minutes is refused, as SQS does', async () => {
  const command = new SendMessageCommand({ QueueUrl: url('work'), MessageBody: 'late', DelaySeconds: 901 });
  await expect(client.send(command)).rejects.toMatchObject({ name: 'InvalidParameterValue' });
});

test('messages are there after a restart, and the poller reads them', async () => {
  const Entries = ['a', 'b'].map((MessageBody) => ({ Id: MessageBody, MessageBody }));
  await client.send(new SendMessageBatchCommand({ QueueUrl: url('dead'), Entries }));
  await queues.stop();
  await start();
  const requests = sqsRequests(queues.endpoint);
  const received = await requests.receive(url('dead'), { max: 10, waitSeconds: 1 });
  expect(received.map((message) => message.Body).sort()).toEqual(['a', 'b']);
  expect(received[0]?.Attributes).toMatchObject({ ApproximateReceiveCount: '1' });
  await requests.remove(
    url('dead'),
    received.map((message) => message.ReceiptHandle),
  );
  expect(await requests.receive(url('dead'), { max: 10, waitSeconds: 0 })).toEqual([]);
  expect(queues.requestCounts()).toEqual({ ReceiveMessage: 2, DeleteMessageBatch: 1 });
  await requests.close();
});

test('messages in flight when the server ended are visible at once, and received once more', async () => {
  await client.send(new SendMessageCommand({ QueueUrl: url('dead'), MessageBody: 'held' }));
  expect(await queues.requests.receive(url('dead'), { max: 10, waitSeconds: 1 })).toHaveLength(1);
  expect(await queues.requests.receive(url('dead'), { max: 10, waitSeconds: 0 })).toEqual([]);
  await queues.stop();
  await start();
  const [message] = await queues.requests.receive(url('dead'), { max: 10, waitSeconds: 0 });
  expect(message).toMatchObject({ Body: 'held', Attributes: { ApproximateReceiveCount: '2' } });
  await client.send(new PurgeQueueCommand({ QueueUrl: url('dead') }));
});

test('a tenant with a backlog does not keep another one waiting, also after a restart', async () => {
  const send = (group: string, bodies: string[]) =>
    client.send(
      new SendMessageBatchCommand({
        QueueUrl: url('dead'),
        Entries: bodies.map((MessageBody, index) => ({
          Id: String(index),
          MessageBody,
          MessageGroupId: group,
        })),
      }),
    );
  for (let batch = 0; batch < 5; batch += 1) await send('noisy', Array(10).fill('noise'));
  const taken = await queues.requests.receive(url('dead'), { max: 5, waitSeconds: 0 });
  expect(taken.map(({ Body }) => Body)).toEqual(Array(5).fill('noise'));
  await queues.stop();
  await start();
  await queues.requests.receive(url('dead'), { max: 5, waitSeconds: 0 });
  await send('quiet', ['a', 'b']);
  const received = await queues.requests.receive(url('dead'), { max: 10, waitSeconds: 0 });
  expect(received.slice(0, 2).map(({ Body }) => Body)).toEqual(['a', 'b']);
  expect(received.map(({ Attributes }) => Attributes?.MessageGroupId)).toEqual([
    ...Array(2).fill('quiet'),
    ...Array(8).fill('noisy'),
  ]);
  await client.send(new PurgeQueueCommand({ QueueUrl: url('dead') }));
});

test('a long poll whose client has gone takes no message', async () => {
  const asking = new AbortController();
  const before = queues.requestCounts().ReceiveMessage ?? 0;
  const command = new ReceiveMessageCommand({ QueueUrl: url('dead'), WaitTimeSeconds: 20 });
  const poll = client.send(command, { abortSignal: asking.signal }).catch((error: Error) => error.name);
  await expect.poll(() => queues.requestCounts().ReceiveMessage ?? 0).toBeGreaterThan(before);
  asking.abort();
  expect(await poll).toBe('AbortError');
  await expect
    .poll(async () => {
      await client.send(new SendMessageCommand({ QueueUrl: url('dead'), MessageBody: 'for somebody' }));
      return (await queues.requests.receive(url('dead'), { max: 10, waitSeconds: 0 })).length;
    })
    .toBe(1);
});

test('a message that is there after its delay is received then, and not before', async () => {
  const sentAt = Date.now();
  await client.send(new SendMessageCommand({ QueueUrl: url('dead'), MessageBody: 'late', DelaySeconds: 1 }));
  const poll = () => queues.requests.receive(url('dead'), { max: 10, waitSeconds: 5 });
  expect((await poll()).map(({ Body }) => Body)).toEqual(['late']);
  expect(Date.now() - sentAt).toBeGreaterThanOrEqual(1000);
});

test('the queues count visible, delayed and in-flight messages', async () => {
  await client.send(new PurgeQueueCommand({ QueueUrl: url('dead') }));
  const Entries = [
    ...['a', 'b', 'c'].map((Id) => ({ Id, MessageBody: Id })),
    { Id: 'later', MessageBody: 'later', DelaySeconds: 60 },
  ];
  await client.send(new SendMessageBatchCommand({ QueueUrl: url('dead'), Entries }));
  await queues.requests.receive(url('dead'), { max: 1, waitSeconds: 0 });
  const command = new GetQueueAttributesCommand({ QueueUrl: url('dead'), AttributeNames: ['All'] });
  expect((await client.send(command)).Attributes).toMatchObject({
    ApproximateNumberOfMessages: '2',
    ApproximateNumberOfMessagesDelayed: '1',
    ApproximateNumberOfMessagesNotVisible: '1',
  });
});

test('a receiver changes the visibility timeout of a message in flight', async () => {
  await client.send(new PurgeQueueCommand({ QueueUrl: url('dead') }));
  await client.send(new SendMessageCommand({ QueueUrl: url('dead'), MessageBody: 'unwanted' }));
  const [message] = await queues.requests.receive(url('dead'), { max: 1, waitSeconds: 0 });
  const change = (VisibilityTimeout: number) =>
    client.send(
      new ChangeMessageVisibilityCommand({
        QueueUrl: url('dead'),
        ReceiptHandle: message?.ReceiptHandle,
        VisibilityTimeout,
      }),
    );
  await change(600);
  expect(await queues.requests.receive(url('dead'), { max: 1, waitSeconds: 0 })).toEqual([]);
  await change(0);
  expect(await queues.requests.receive(url('dead'), { max: 1, waitSeconds: 0 })).toMatchObject([
    { Body: 'unwanted' },
  ]);
  await expect(change(0)).rejects.toThrow();
});

test('a batch is refused as SQS refuses it, as a whole or message by message', async () => {
  const send = (Entries: { Id: string; MessageBody: string; DelaySeconds?: number }[]) =>
    client.send(new SendMessageBatchCommand({ QueueUrl: url('dead'), Entries }));
  const entry = (Id: string, MessageBody = 'text') => ({ Id, MessageBody });
  await expect(send([])).rejects.toMatchObject({ name: 'EmptyBatchRequest' });
  await expect(send([entry('a'), entry('a')])).rejects.toMatchObject({ name: 'BatchEntryIdsNotDistinct' });
  await expect(send(Array.from({ length: 11 }, (_, i) => entry(`${i}`)))).rejects.toMatchObject({
    name: 'TooManyEntriesInBatchRequest',
  });
  await expect(send([entry('a', 'x'.repeat(1_048_577))])).rejects.toMatchObject({
    name: 'BatchRequestTooLong',
  });
  const { Successful, Failed } = await send([entry('good'), entry('bad', '\u0000')]);
  expect([Successful?.map(({ Id }) => Id), Failed?.map(({ Id }) => Id)]).toEqual([['good'], ['bad']]);
  const missing = new SendMessageCommand({ QueueUrl: url('nowhere'), MessageBody: 'text' });
  await expect(client.send(missing)).rejects.toMatchObject({ name: 'QueueDoesNotExist' });
});

test('a receiver gets the attributes that it asks for', async () => {
  await client.send(new PurgeQueueCommand({ QueueUrl: url('dead') }));
  const StringValue = 'value';
  const MessageAttributes = Object.fromEntries(
    ['wanted', 'other'].map((name) => [name, { DataType: 'String', StringValue }]),
  );
  await client.send(
    new SendMessageCommand({
      QueueUrl: url('dead'),
      MessageBody: 'text',
      MessageAttributes,
      MessageGroupId: 'g',
    }),
  );
  const command = new ReceiveMessageCommand({
    QueueUrl: url('dead'),
    MessageAttributeNames: ['wanted'],
    MessageSystemAttributeNames: ['MessageGroupId'],
  });
  const [message] = (await client.send(command)).Messages ?? [];
  expect(message).toMatchObject({ Body: 'text', Attributes: { MessageGroupId: 'g' } });
  expect(Object.keys(message?.MessageAttributes ?? {})).toEqual(['wanted']);
});
