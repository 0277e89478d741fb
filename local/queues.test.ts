import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Queues, startQueues } from './queues.ts';
import { sqsRequests } from './sqs-requests.ts';
import type { QueueSpec } from './template.ts';

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
  const received = await requests.receive(url('dead'), 10, 1);
  expect(received.map((message) => message.Body).sort()).toEqual(['a', 'b']);
  expect(received[0]?.Attributes).toMatchObject({ ApproximateReceiveCount: '1' });
  await requests.remove(
    url('dead'),
    received.map((message) => message.ReceiptHandle),
  );
  expect(await requests.receive(url('dead'), 10, 0)).toEqual([]);
  expect(queues.requestCounts()).toEqual({ ReceiveMessage: 2, DeleteMessageBatch: 1 });
  await requests.close();
});
