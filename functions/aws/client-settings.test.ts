import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { expect, test } from 'vitest';
import { CLIENT_SETTINGS } from './client-settings.ts';
import { sendMessageBatch } from './sqs-client.ts';

const credentials = { accessKeyId: 'x', secretAccessKey: 'x' };
const region = 'us-east-1';

const CLIENTS: Record<string, (endpoint: string) => Promise<unknown>> = {
  'the SDK': (endpoint) => {
    const client = new SQSClient({ ...CLIENT_SETTINGS, region, endpoint, credentials });
    return client.send(new SendMessageCommand({ QueueUrl: `${endpoint}/0/q`, MessageBody: '{}' }));
  },
  'our own client': (endpoint) =>
    sendMessageBatch({ region, ...credentials }, endpoint)({ QueueUrl: `${endpoint}/0/q`, Entries: [] }),
};

for (const [name, send] of Object.entries(CLIENTS)) {
  test(
    `a service that accepts a connection and never answers is given up by ${name} after two tries`,
    () => isGivenUp(send),
    20_000,
  );
}

async function isGivenUp(send: (endpoint: string) => Promise<unknown>): Promise<void> {
  let connections = 0;
  const silent = createServer(() => {
    connections += 1;
  });
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  await expect(send(endpoint)).rejects.toThrow();
  expect(connections).toBe(2);
  silent.close();
}
