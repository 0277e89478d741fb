import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sqsEnqueue } from './queues.ts';

type Entry = { Id: string; MessageBody: string; MessageSystemAttributes?: unknown };

let server: Server;
let sqs: SQSClient;
const requests: Entry[][] = [];

/** SQS, as far as it shows what was sent to it. */
beforeAll(async () => {
  server = createServer(async (request, response) => {
    const { Entries } = JSON.parse((await request.setEncoding('utf8').toArray()).join(''));
    requests.push(Entries);
    response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0' });
    response.end(JSON.stringify({ Successful: [], Failed: [] }));
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
  await sqsEnqueue(
    sqs,
    URLS,
    () => trace,
    () => {},
  )([WAKE_UP]);
  expect(requests.pop()?.[0]).toMatchObject({
    MessageBody: '{"v":1,"ids":["a"]}',
    MessageSystemAttributes: { AWSTraceHeader: { DataType: 'String', StringValue: trace } },
  });
});

test('where nothing is traced, a message carries no trace', async () => {
  await sqsEnqueue(
    sqs,
    URLS,
    () => undefined,
    () => {},
  )([WAKE_UP]);
  expect(requests.pop()?.[0]).not.toHaveProperty('MessageSystemAttributes');
});
