import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sqsEnqueue, sqsGiveBack } from './queues.ts';

type Entry = {
  Id: string;
  MessageBody: string;
  MessageSystemAttributes?: unknown;
  VisibilityTimeout?: number;
};

let server: Server;
let sqs: SQSClient;
const requests: Entry[][] = [];
const queueUrls: string[] = [];
let refused: { Id: string; Code: string }[] = [];

/** A stand-in for SQS that records the sent messages. */
beforeAll(async () => {
  server = createServer(async (request, response) => {
    const { Entries, QueueUrl } = JSON.parse((await request.setEncoding('utf8').toArray()).join(''));
    requests.push(Entries);
    queueUrls.push(QueueUrl);
    response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0' });
    response.end(JSON.stringify({ Successful: [], Failed: refused.splice(0) }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  sqs = new SQSClient({
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: 'eu-central-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
});
afterAll(() => {
  sqs.destroy();
  server.close();
});

const URLS = { interactive: 'http://sqs/1/interactive', bulk: 'http://sqs/1/bulk' };
const WAKE_UP = { organizationId: 'o', queue: 'interactive', delaySeconds: 0, ids: ['a'] } as const;

test('a message carries the trace of the invocation that sent it, beside its body', async () => {
  const trace = 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1';
  await sqsEnqueue(sqs, { urls: URLS, traceHeader: () => trace, onFailure: () => {} })([WAKE_UP]);
  expect(requests.pop()?.[0]).toMatchObject({
    MessageBody: '{"v":1,"ids":["a"]}',
    MessageSystemAttributes: { AWSTraceHeader: { DataType: 'String', StringValue: trace } },
  });
});

test('without tracing, a message carries no trace', async () => {
  await sqsEnqueue(sqs, { urls: URLS, traceHeader: () => undefined, onFailure: () => {} })([WAKE_UP]);
  expect(requests.pop()?.[0]).not.toHaveProperty('MessageSystemAttributes');
});

const received = (queue: string, receives: number) => ({
  messageId: `${queue}-${receives}`,
  receiptHandle: 'handle',
  eventSourceARN: `arn:aws:sqs:eu-central-1:1:${queue}`,
  attributes: { ApproximateReceiveCount: String(receives) },
});

test('a returned message comes again after a delay that doubles each time, so that an outage is not a hot loop', async () => {
  const messages = [1, 2, 3, 4, 5, 50].map((receives) => received('interactive', receives));
  queueUrls.length = 0;
  await sqsGiveBack(sqs, URLS, () => {})(messages);
  expect(requests.pop()?.map(({ VisibilityTimeout }) => VisibilityTimeout)).toEqual([
    10, 20, 40, 80, 160, 160,
  ]);
  expect(queueUrls).toEqual([URLS.interactive]);
});

test('each message goes back to the queue that it came from', async () => {
  queueUrls.length = 0;
  await sqsGiveBack(sqs, URLS, () => {})([received('bulk', 1)]);
  expect(queueUrls).toEqual([URLS.bulk]);
});

test('a message that SQS does not take back is reported', async () => {
  const failures: unknown[] = [];
  refused = [{ Id: 'bulk-1', Code: 'ReceiptHandleIsInvalid' }];
  await sqsGiveBack(sqs, URLS, (error) => failures.push(error))([received('bulk', 1)]);
  expect(String(failures)).toContain('ReceiptHandleIsInvalid');
});
