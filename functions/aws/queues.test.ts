import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sqsEnqueue } from './queues.ts';
import { type SendMessageBatch, sendMessageBatch } from './sqs-client.ts';

type Entry = { Id: string; MessageBody: string; MessageSystemAttributes?: unknown };

let server: Server;
let send: SendMessageBatch;
let endpoint: string;
/** The statuses of the next answers; then 200. */
let answers: number[] = [];
const requests: Entry[][] = [];

/** SQS, as far as it shows what was sent to it. */
beforeAll(async () => {
  server = createServer(async (request, response) => {
    const { Entries } = JSON.parse((await request.setEncoding('utf8').toArray()).join(''));
    requests.push(Entries);
    response.writeHead(answers.shift() ?? 200, { 'content-type': 'application/x-amz-json-1.0' });
    response.end(JSON.stringify({ Successful: [], Failed: [] }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  send = sendMessageBatch(ACCESS, endpoint);
});
afterAll(() => {
  server.close();
});

const URLS = { interactive: 'http://sqs/1/interactive', bulk: 'http://sqs/1/bulk' };
const ACCESS = { region: 'eu-central-1', accessKeyId: 'local', secretAccessKey: 'local' };
const WAKE_UP = { organizationId: 'o', queue: 'interactive', delaySeconds: 0, ids: ['a'] } as const;

test('a message carries the trace of the invocation that sent it, beside its body', async () => {
  const trace = 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1';
  await sqsEnqueue(
    send,
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
    send,
    URLS,
    () => undefined,
    () => {},
  )([WAKE_UP]);
  expect(requests.pop()?.[0]).not.toHaveProperty('MessageSystemAttributes');
});

test('without an endpoint of its own, SQS is where the queue is', async () => {
  const urls = { interactive: `${endpoint}/1/interactive`, bulk: `${endpoint}/1/bulk` };
  const enqueue = sqsEnqueue(
    sendMessageBatch(ACCESS),
    urls,
    () => undefined,
    () => {},
  );
  const before = requests.length;
  expect(await enqueue([WAKE_UP])).toEqual([]);
  expect(requests.length).toBe(before + 1);
});

const CASES: [statuses: number[], requests: number, unsent: string[]][] = [
  [[503], 2, []],
  [[429], 2, []],
  [[500, 500], 2, ['a']],
  [[400], 1, ['a']],
];
for (const [statuses, count, unsent] of CASES) {
  test(`answered with ${statuses}, a batch takes ${count} requests and leaves ${unsent.length} tasks to the dispatcher`, async () => {
    const before = requests.length;
    const failures: unknown[] = [];
    const enqueue = sqsEnqueue(
      send,
      URLS,
      () => undefined,
      (error) => failures.push(error),
    );
    answers = [...statuses];
    expect(await enqueue([WAKE_UP])).toEqual(unsent);
    expect([requests.length - before, failures.length]).toEqual([count, unsent.length]);
  });
}
