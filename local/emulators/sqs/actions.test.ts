import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as sqs from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Queues, startQueues } from './queues.ts';

/* The actions, called with AWS's own SDK, which reads the answers and checks the digests of bodies itself. */

let dataDir: string;
let queues: Queues;
let client: sqs.SQS;
let QueueUrl: string;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'celeriac-actions-'));
  queues = await startQueues({ dataDir });
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  client = new sqs.SQS({ endpoint: queues.endpoint, region: 'us-east-1', credentials });
  ({ QueueUrl = '' } = await client.send(new sqs.CreateQueueCommand({ QueueName: 'q' })));
});
afterAll(async () => {
  await queues.stop();
  await rm(dataDir, { recursive: true });
});

const attributesOf = async (url: string, ...AttributeNames: sqs.QueueAttributeName[]) =>
  (await client.send(new sqs.GetQueueAttributesCommand({ QueueUrl: url, AttributeNames }))).Attributes;

test('queues are made, found and listed', async () => {
  const Attributes = { VisibilityTimeout: '7' };
  const make = () => client.send(new sqs.CreateQueueCommand({ QueueName: 'made-1', Attributes }));
  const { QueueUrl: url = '' } = await make();
  expect(url).toBe(`${queues.endpoint}/000000000000/made-1`);
  expect((await make()).QueueUrl).toBe(url);
  expect((await client.send(new sqs.GetQueueUrlCommand({ QueueName: 'made-1' }))).QueueUrl).toBe(url);
  const list = await client.send(new sqs.ListQueuesCommand({ QueueNamePrefix: 'made' }));
  expect(list.QueueUrls).toEqual([url]);
  await client.send(new sqs.SetQueueAttributesCommand({ QueueUrl: url, Attributes: { DelaySeconds: '3' } }));
  expect(await attributesOf(url, 'VisibilityTimeout', 'DelaySeconds', 'QueueArn')).toEqual({
    VisibilityTimeout: '7',
    DelaySeconds: '3',
    QueueArn: 'arn:aws:sqs:us-east-1:000000000000:made-1',
  });
});

test('text, emoji and attributes arrive as they were sent', async () => {
  const body = 'tab\t, line\n, é, 🥬';
  const MessageAttributes = {
    'a.text': { DataType: 'String.label', StringValue: '🥬' },
    'a.binary': { DataType: 'Binary', BinaryValue: new Uint8Array([0, 255, 128]) },
    other: { DataType: 'Number', StringValue: '1' },
  };
  const { MessageId, MD5OfMessageAttributes } = await client.send(
    new sqs.SendMessageCommand({ QueueUrl, MessageBody: body, MessageAttributes }),
  );
  const receive = async (...MessageAttributeNames: string[]) => {
    const command = new sqs.ReceiveMessageCommand({ QueueUrl, VisibilityTimeout: 0, MessageAttributeNames });
    return (await client.send(command)).Messages?.[0];
  };
  expect(await receive('All')).toMatchObject({
    MessageId,
    Body: body,
    MessageAttributes,
    MD5OfMessageAttributes,
  });
  const some = await receive('a.*');
  expect(Object.keys(some?.MessageAttributes ?? {}).toSorted()).toEqual(['a.binary', 'a.text']);
  expect(some?.MD5OfMessageAttributes).toMatch(/^[0-9a-f]{32}$/);
  expect(some?.MD5OfMessageAttributes).not.toBe(MD5OfMessageAttributes);
  expect(await receive()).not.toHaveProperty('MessageAttributes');
  await client.send(new sqs.PurgeQueueCommand({ QueueUrl }));
  expect(await receive()).toBeUndefined();
});

const text = { MessageBody: 'text' };
const policy = (RedrivePolicy: string) => ({ QueueName: 'new', Attributes: { RedrivePolicy } });
const change = (ReceiptHandle: string, VisibilityTimeout: number) =>
  client.changeMessageVisibility({ QueueUrl, ReceiptHandle, VisibilityTimeout });

test.each<[error: string, queryCode: string, ask: () => Promise<object>]>([
  [
    'QueueDoesNotExist',
    'AWS.SimpleQueueService.NonExistentQueue',
    () => client.getQueueUrl({ QueueName: 'x' }),
  ],
  [
    'QueueNameExists',
    'QueueAlreadyExists',
    () => client.createQueue({ QueueName: 'q', Attributes: { DelaySeconds: '9' } }),
  ],
  ['InvalidParameterValue', 'InvalidParameterValue', () => client.createQueue({ QueueName: 'a.fifo' })],
  [
    'InvalidAttributeName',
    'InvalidAttributeName',
    () => client.createQueue({ QueueName: 'new', Attributes: { FifoQueue: 'true' } }),
  ],
  [
    'InvalidAttributeValue',
    'InvalidAttributeValue',
    () => client.createQueue({ QueueName: 'new', Attributes: { DelaySeconds: '901' } }),
  ],
  ['InvalidAttributeValue', 'InvalidAttributeValue', () => client.createQueue(policy('{'))],
  [
    'InvalidAttributeValue',
    'InvalidAttributeValue',
    () => client.createQueue(policy('{"maxReceiveCount":1}')),
  ],
  ['MissingParameter', 'MissingParameter', () => client.sendMessage({ QueueUrl, MessageBody: '' })],
  [
    'InvalidMessageContents',
    'InvalidMessageContents',
    () => client.sendMessage({ QueueUrl, MessageBody: '\u0000' }),
  ],
  [
    'InvalidParameterValue',
    'InvalidParameterValue',
    () =>
      client.sendMessage({
        QueueUrl,
        ...text,
        MessageAttributes: { a: { DataType: 'Text', StringValue: 'x' } },
      }),
  ],
  [
    'InvalidParameterValue',
    'InvalidParameterValue',
    () => client.receiveMessage({ QueueUrl, MaxNumberOfMessages: 11 }),
  ],
  [
    'InvalidParameterValue',
    'InvalidParameterValue',
    () => client.receiveMessage({ QueueUrl, WaitTimeSeconds: 21 }),
  ],
  [
    'InvalidParameterValue',
    'InvalidParameterValue',
    () => client.receiveMessage({ QueueUrl, VisibilityTimeout: 43_201 }),
  ],
  ['InvalidParameterValue', 'InvalidParameterValue', () => change('handle', 43_201)],
  ['MessageNotInflight', 'AWS.SimpleQueueService.MessageNotInflight', () => change('handle', 0)],
  [
    'EmptyBatchRequest',
    'AWS.SimpleQueueService.EmptyBatchRequest',
    () => client.deleteMessageBatch({ QueueUrl, Entries: [] }),
  ],
  [
    'InvalidBatchEntryId',
    'AWS.SimpleQueueService.InvalidBatchEntryId',
    () => client.sendMessageBatch({ QueueUrl, Entries: [{ Id: 'a b', ...text }] }),
  ],
  [
    'UnsupportedOperation',
    'AWS.SimpleQueueService.UnsupportedOperation',
    () => client.listQueueTags({ QueueUrl }),
  ],
])('the SDK gets %s (%s)', async (name, Code, ask) => {
  const error = await ask().catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ name, Code, Type: 'Sender', $metadata: { httpStatusCode: 400 } });
  expect(error).toBeInstanceOf(sqs.SQSServiceException);
});

test('an entry of a batch is refused alone', async () => {
  const Entries = [
    { Id: 'late', MessageBody: 'late', DelaySeconds: 901 },
    { Id: 'good', MessageBody: 'good' },
  ];
  const sent = await client.send(new sqs.SendMessageBatchCommand({ QueueUrl, Entries }));
  expect(sent.Successful?.map(({ Id }) => Id)).toEqual(['good']);
  expect(sent.Failed).toMatchObject([{ Id: 'late', Code: 'InvalidParameterValue', SenderFault: true }]);
  const [message] = (await client.send(new sqs.ReceiveMessageCommand({ QueueUrl }))).Messages ?? [];
  const handles = [
    { Id: 'good', ReceiptHandle: message?.ReceiptHandle },
    { Id: 'bad', ReceiptHandle: 'unknown' },
  ];
  const changed = await client.send(
    new sqs.ChangeMessageVisibilityBatchCommand({
      QueueUrl,
      Entries: handles.map((entry) => ({ ...entry, VisibilityTimeout: 60 })),
    }),
  );
  expect(changed.Successful).toEqual([{ Id: 'good' }]);
  expect(changed.Failed).toMatchObject([{ Id: 'bad', Code: 'MessageNotInflight' }]);
  // A missing message counts as deleted.
  const deleted = await client.send(new sqs.DeleteMessageBatchCommand({ QueueUrl, Entries: handles }));
  expect(deleted.Successful?.map(({ Id }) => Id)).toEqual(['good', 'bad']);
  expect(await attributesOf(QueueUrl, 'ApproximateNumberOfMessagesNotVisible')).toEqual({
    ApproximateNumberOfMessagesNotVisible: '0',
  });
});

test.each([
  ['no action', {}, '{}', 'InvalidAction'],
  ['an action of another service', { 'x-amz-target': 'DynamoDB_20120810.PutItem' }, '{}', 'InvalidAction'],
  ['a name of JavaScript', { 'x-amz-target': 'AmazonSQS.constructor' }, '{}', 'InvalidAction'],
  ['no JSON', { 'x-amz-target': 'AmazonSQS.ListQueues' }, 'Action=ListQueues', 'MalformedInput'],
])('a request with %s is refused', async (_what, headers, body, code) => {
  const response = await fetch(`${queues.endpoint}/`, { method: 'POST', headers: { ...headers }, body });
  expect([response.status, response.headers.get('x-amzn-query-error')]).toEqual([
    400,
    expect.stringMatching(`${code};Sender$`),
  ]);
  expect(await response.json()).toMatchObject({ __type: `com.amazonaws.sqs#${code}` });
});

test('messages that were accepted are there after a kill -9', async () => {
  const directory = join(dataDir, 'killed');
  const script = `
    const { startQueues } = await import(${JSON.stringify(import.meta.resolve('./queues.ts'))});
    const { endpoint, create, requests } = await startQueues({ dataDir: ${JSON.stringify(directory)} });
    create([{ name: 'q', arn: '', attributes: {} }]);
    const url = endpoint + '/000000000000/q';
    await Promise.all(Array.from({ length: 50 }, (_, i) => requests.send(url, 'message ' + i)));
    await requests.receive(url, { max: 10, waitSeconds: 0 });
    process.stdout.write('accepted');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script]);
  let complaints = '';
  child.stderr.on('data', (chunk) => {
    complaints += chunk;
  });
  const exited = once(child, 'exit');
  const [answer] = await Promise.race([once(child.stdout, 'data'), exited]);
  child.kill('SIGKILL');
  await exited;
  // Node's SQLite must print no warning either.
  expect([String(answer), complaints]).toEqual(['accepted', '']);
  const again = await startQueues({ dataDir: directory });
  const found = new Set<string>();
  for (let round = 0; round < 5; round++) {
    const messages = await again.requests.receive(`${again.endpoint}/000000000000/q`, {
      max: 10,
      waitSeconds: 0,
    });
    for (const { Body } of messages) found.add(Body);
  }
  await again.stop();
  expect(found.size).toBe(50);
});
