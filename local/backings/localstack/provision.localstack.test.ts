import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { DescribeRuleCommand, EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { HeadBucketCommand, S3Client } from '@aws-sdk/client-s3';
import {
  GetQueueAttributesCommand,
  PurgeQueueCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { startFixtureLambda } from '../../emulators/lambda/testing/fixtures.ts';
import { sqsRequests } from '../../emulators/sqs/sqs-requests.ts';
import { type Deployment, type QueueSpec, readDeployment } from '../../template/deployment.ts';
import { synthesizedAssembly } from '../../template/synthesize.ts';
import { eventDeliveries } from './event-deliveries.ts';
import { provision } from './provision.ts';

/*
 * The template of this repository in LocalStack, with two added rules whose patterns the bus must match: one with a
 * queue as its target, one with a function.
 */

const FUNCTION_ARN = 'arn:aws:lambda:us-east-1:000000000000:function:listener';
const RUN = `run-${randomUUID().slice(0, 8)}-`;
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
    queues: [...synthesized.queues.map(apart), integrator],
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

/** Returns a copy of the queue under a name of this run, so that no other test's system has used it. */
function apart({ name, ...queue }: QueueSpec): QueueSpec {
  const apartOf = (text: string) => text.replace(/[^/:"]+$/, (last) => `${RUN}${last}`);
  const { RedrivePolicy, ...attributes } = queue.attributes;
  const redrive = RedrivePolicy && JSON.parse(RedrivePolicy);
  return {
    name: apartOf(name),
    url: apartOf(queue.url),
    arn: apartOf(queue.arn),
    attributes: {
      ...attributes,
      ...(redrive && {
        RedrivePolicy: JSON.stringify({
          ...redrive,
          deadLetterTargetArn: apartOf(redrive.deadLetterTargetArn),
        }),
      }),
    },
  };
}

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
  // An earlier attempt of this test may have left messages.
  for (const { url } of [queue, dead]) await sqs.send(new PurgeQueueCommand({ QueueUrl: url }));
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
    // A new subject separates these events from those of an earlier attempt.
    const subject = randomUUID();
    await publish('price.moved', { subject });
    await publish('task.finished', { subject });
    const heard = () =>
      lines
        .filter((line) => line.includes('{"'))
        .map((line) => JSON.parse(line.slice(line.indexOf('{'))))
        .filter((event) => event.fixed || event.detail.subject === subject);
    await expect.poll(heard).toHaveLength(2);
    expect(heard()).toContainEqual({ fixed: true });
    const event = { source: 'celeriac', 'detail-type': 'task.finished', detail: { subject } };
    expect(heard()).toContainEqual(expect.objectContaining(event));
    // The bus does not promise an order between its targets.
    const queued: { detail: unknown }[] = [];
    const queuedOfThese = async () => {
      queued.push(...(await receive(integrator)).map((body) => JSON.parse(body)));
      return queued.filter(({ detail }) => isDeepStrictEqual(detail, { subject }));
    };
    await expect.poll(queuedOfThese).toEqual([expect.objectContaining(event)]);
  } finally {
    deliveries.pause();
    await deliveries.end();
    await stop();
  }
});
