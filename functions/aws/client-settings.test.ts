import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { expect, test } from 'vitest';
import { CLIENT_SETTINGS } from './client-settings.ts';

test('a service that accepts a connection and never answers is given up after two tries', async () => {
  let connections = 0;
  const silent = createServer(() => {
    connections += 1;
  });
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const credentials = { accessKeyId: 'x', secretAccessKey: 'x' };
  const client = new SQSClient({ ...CLIENT_SETTINGS, region: 'us-east-1', endpoint, credentials });
  const sending = client.send(new SendMessageCommand({ QueueUrl: `${endpoint}/0/q`, MessageBody: '{}' }));
  await expect(sending).rejects.toThrow();
  expect(connections).toBe(2);
  client.destroy();
  silent.close();
}, 20_000);
