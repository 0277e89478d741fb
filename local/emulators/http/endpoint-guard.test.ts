import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startAwsApi } from '../aws-api.ts';
import { startBuckets } from '../s3/buckets.ts';
import { startQueues } from '../sqs/queues.ts';

/*
 * Access to the emulators: the functions of this start have it; a page in the developer's browser and a task do not.
 */

type Started = { endpoint: string; stop: () => Promise<void> };

let dataDir: string;
const started: Record<string, Started> = {};

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'celeriac-guard-'));
  const awsApi = await startAwsApi();
  awsApi.serve({
    lambda: {
      invoke: async () => ({ payload: '"invoked"' }),
      invokeLater: () => {},
    },
    secrets: new Map(),
    publish: () => {},
    ses: { answer: () => undefined },
    connections: async (_request, response) => void response.writeHead(200).end(),
  });
  started.lambda = awsApi;
  started.sqs = await startQueues({ dataDir: join(dataDir, 'queues') });
  started.s3 = await startBuckets({ dataDir: join(dataDir, 'buckets'), secretAccessKey: 'key' });
});
afterAll(async () => {
  await Promise.all(Object.values(started).map(({ stop }) => stop()));
  await rm(dataDir, { recursive: true, force: true });
});

function ask(
  endpoint: string,
  path: string,
  headers: Record<string, string> = {},
): Promise<number | undefined> {
  const { hostname, port, pathname } = new URL(endpoint);
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { hostname, port, path: pathname.replace(/\/$/, '') + path, method: 'POST', headers },
      (response) => {
        response.resume();
        resolve(response.statusCode);
      },
    );
    outgoing.on('error', reject).end('{}');
  });
}

/** For each emulator, a request that would be answered. */
const REQUESTS: Record<string, [path: string, headers: Record<string, string>]> = {
  lambda: ['/2015-03-31/functions/fn/invocations', {}],
  sqs: ['/', { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'AmazonSQS.ListQueues' }],
};

describe.each(Object.keys(REQUESTS))('%s', (name) => {
  const [path, headers] = REQUESTS[name] ?? ['/', {}];
  const endpoint = () => started[name]?.endpoint ?? '';

  test('answers a caller that knows its secret address', async () => {
    expect(await ask(endpoint(), path, headers)).toBe(200);
  });

  test('refuses a caller that knows only the port', async () => {
    const { origin } = new URL(endpoint());
    for (const guess of ['', '/guess', `/${'A'.repeat(32)}`]) {
      expect(await ask(origin + guess, path, headers)).toBe(403);
    }
  });

  test('refuses a request from a page, or with a foreign host name', async () => {
    for (const origin of ['https://evil.example', 'http://localhost:8000', 'null']) {
      expect(await ask(endpoint(), path, { ...headers, origin })).toBe(403);
    }
    for (const host of [
      'evil.example',
      'evil.example:80',
      '127.0.0.1.evil.example',
      'localhost.evil.example',
    ]) {
      expect(await ask(endpoint(), path, { ...headers, host })).toBe(403);
    }
  });

  test('has another address at each start', async () => {
    const { pathname } = new URL(endpoint());
    expect(pathname).toMatch(/^\/[\w-]{32}$/);
  });
});

test('S3 refuses a request with a foreign host name', async () => {
  expect(await ask(started.s3?.endpoint ?? '', '/bucket/key', { host: 'evil.example' })).toBe(403);
});
