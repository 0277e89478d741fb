import { DescribeRuleCommand, EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { HeadBucketCommand, S3Client } from '@aws-sdk/client-s3';
import {
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { startFixtureLambda } from '../fixtures.ts';
import { sqsRequests } from '../sqs-requests.ts';
import { synthesizedAssembly } from '../synthesize.ts';
import { type Deployment, type QueueSpec, readDeployment } from '../template.ts';
import { eventDeliveries } from './event-deliveries.ts';
import { provision } from './provision.ts';

/*
 * The template of this very repository in LocalStack, with two rules added whose patterns its bus is to match: one for
 * a queue, one for a function.
 */

const FUNCTION_ARN = 'arn:aws:lambda:us-east-1:000000000000:function:listener';
const PATTERN = { source: ['celeriac'], 'detail-type': [{ prefix: 'task.' }] };

let deployment: Deployment;
let integrator: QueueSpec;
let bus: string;
let sqs: SQSClient;
let events: EventBridgeClient;
let s3: S3Client;

beforeAll(async () => {
  const { aws } = inject('emulators');
  const nowhere = 'http://127.0.0.1:1';
  const places = { queues: aws, webSocketManagement: nowhere, frontDoor: nowhere };
  const synthesized = readDeployment(await synthesizedAssembly(() => {}), {
    ...places,
    database: { host: '127.0.0.1', port: 1 },
  });
  bus = synthesized.buses[0] ?? '';
  integrator = {
    name: 'integrator',
    url: `${aws}/000000000000/integrator`,
    arn: 'arn:aws:sqs:us-east-1:000000000000:integrator',
    attributes: {},
  };
  deployment = {
    ...synthesized,
    queues: [...synthesized.queues, integrator],
    rules: [
      ...synthesized.rules,
      { name: 'to-a-queue', bus, pattern: PATTERN, targets: [{ arn: integrator.arn }] },
      {
        name: 'to-a-function',
        bus,
        pattern: PATTERN,
        targets: [{ arn: FUNCTION_ARN }, { arn: FUNCTION_ARN, input: '{"fixed":true}' }],
      },
    ],
  };
  const configuration = {
    endpoint: aws,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  };
  sqs = new SQSClient(configuration);
  events = new EventBridgeClient(configuration);
  s3 = new S3Client({ ...configuration, forcePathStyle: true });
  await provision(aws, deployment);
});

afterAll(() => {
  for (const client of [sqs, events, s3]) client?.destroy();
});

const publish = (type: string, detail: object) =>
  events.send(
    new PutEventsCommand({
      Entries: [{ EventBusName: bus, Source: 'celeriac', DetailType: type, Detail: JSON.stringify(detail) }],
    }),
  );

async function receive({ url }: QueueSpec, visibilitySeconds = 30): Promise<string[]> {
  const { Messages = [] } = await sqs.send(
    new ReceiveMessageCommand({
      QueueUrl: url,
      MaxNumberOfMessages: 10,
      WaitTimeSeconds: 1,
      VisibilityTimeout: visibilitySeconds,
    }),
  );
  return Messages.map(({ Body = '' }) => Body);
}

test('every queue has the attributes and the redrive policy that the template says', async () => {
  expect(deployment.queues.filter(({ attributes }) => attributes.RedrivePolicy)).not.toHaveLength(0);
  for (const { url, attributes } of deployment.queues) {
    const { Attributes = {} } = await sqs.send(
      new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['All'] }),
    );
    const { RedrivePolicy = '{}', ...others } = attributes;
    expect(Attributes).toMatchObject(others);
    expect(JSON.parse(Attributes.RedrivePolicy ?? '{}')).toEqual(JSON.parse(RedrivePolicy));
  }
});

test('a message that is received too often ends in the dead-letter queue', async () => {
  const queue = deployment.queues.find(({ attributes }) => attributes.RedrivePolicy);
  const { deadLetterTargetArn, maxReceiveCount } = JSON.parse(queue?.attributes.RedrivePolicy ?? '{}');
  const dead = deployment.queues.find(({ arn }) => arn === deadLetterTargetArn);
  if (!queue || !dead) throw new Error('no queue has a redrive policy');
  await sqs.send(new SendMessageCommand({ QueueUrl: queue.url, MessageBody: 'poison' }));
  for (let received = 0; received < maxReceiveCount; received += 1)
    expect(await receive(queue, 0)).toEqual(['poison']);
  expect(await receive(queue, 0)).toEqual([]);
  expect(await receive(dead, 0)).toEqual(['poison']);
});

test('every bucket is there, and what is provisioned again stays as it is', async () => {
  await provision(inject('emulators').aws, deployment);
  expect(deployment.buckets).not.toHaveLength(0);
  for (const { name: Bucket } of deployment.buckets) {
    const { $metadata } = await s3.send(new HeadBucketCommand({ Bucket }));
    expect($metadata.httpStatusCode).toBe(200);
  }
});

test('schedules are there and do not fire, as the runtime fires them', async () => {
  const scheduled = deployment.rules.filter(({ schedule }) => schedule);
  expect(scheduled).not.toHaveLength(0);
  for (const { name, schedule } of scheduled) {
    const rule = await events.send(new DescribeRuleCommand({ Name: name }));
    expect([rule.ScheduleExpression, rule.State]).toEqual([schedule, 'DISABLED']);
  }
});

test('an event that matches a rule reaches its queue and its function; one that does not reaches neither', async () => {
  const { lambda, lines, stop } = await startFixtureLambda({
    listener: 'export const handler = async (event) => { console.log(JSON.stringify(event)); };',
  });
  const { aws } = inject('emulators');
  const deliveries = eventDeliveries({
    deployment: { ...deployment, mappings: [] },
    requests: sqsRequests(aws),
    endpoint: aws,
    lambda,
    log: () => {},
  });
  deliveries.startMappings();
  try {
    await publish('price.moved', { n: 1 });
    await publish('task.finished', { n: 2 });
    const heard = () =>
      lines.filter((line) => line.includes('{"')).map((line) => line.slice(line.indexOf('{')));
    await expect.poll(() => heard().length, { timeout: 10_000 }).toBe(2);
    const parsed = heard().map((text) => JSON.parse(text));
    expect(parsed).toContainEqual({ fixed: true });
    const event = { source: 'celeriac', 'detail-type': 'task.finished', detail: { n: 2 } };
    expect(parsed).toContainEqual(expect.objectContaining(event));
    const queued = await receive(integrator);
    expect(queued.map((body) => JSON.parse(body))).toEqual([expect.objectContaining(event)]);
  } finally {
    deliveries.pause();
    await deliveries.end();
    await stop();
  }
});
