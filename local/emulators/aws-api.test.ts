import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AwsApi, startAwsApi } from './aws-api.ts';
import type { BusEvent } from './eventbridge/event-rules.ts';
import { startFixtureLambda } from './lambda/testing/fixtures.ts';

const published: [string, BusEvent][] = [];
let api: AwsApi;
let stop: () => Promise<void>;
let lines: string[];
let configuration: {
  endpoint: string;
  region: string;
  maxAttempts: number;
  credentials: { accessKeyId: string; secretAccessKey: string };
};

beforeAll(async () => {
  const fixture = await startFixtureLambda({
    echo: `export const handler = async (event) => { console.log('got', event.n); if (event.bad) throw new Error('no'); return event; }`,
  });
  ({ stop, lines } = fixture);
  api = await startAwsApi();
  api.serve({
    lambda: fixture.lambda,
    secrets: new Map([['arn:aws:secretsmanager:us-east-1:000000000000:secret:signing', 'abc']]),
    publish: (bus, event) => published.push([bus, event]),
    ses: { answer: () => undefined },
    connections: async (_request, response) => void response.writeHead(410).end(),
  });
  const credentials = { accessKeyId: api.accessKeyId, secretAccessKey: 'local' };
  configuration = { endpoint: api.endpoint, region: 'us-east-1', maxAttempts: 1, credentials };
});
afterAll(async () => {
  await api.stop();
  await stop();
});

test('the SDK reads a secret', async () => {
  const client = new SecretsManagerClient(configuration);
  const SecretId = 'arn:aws:secretsmanager:us-east-1:000000000000:secret:signing';
  expect((await client.send(new GetSecretValueCommand({ SecretId }))).SecretString).toBe('abc');
  await expect(client.send(new GetSecretValueCommand({ SecretId: 'other' }))).rejects.toMatchObject({
    name: 'ResourceNotFoundException',
  });
});

test("without this run's access key, a request to the port gets no secret", async () => {
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  const client = new SecretsManagerClient({ ...configuration, credentials });
  const SecretId = 'arn:aws:secretsmanager:us-east-1:000000000000:secret:signing';
  await expect(client.send(new GetSecretValueCommand({ SecretId }))).rejects.toThrow('security token');
  const headers = { 'x-amz-target': 'secretsmanager.GetSecretValue' };
  const unsigned = await fetch(api.endpoint, { method: 'POST', headers, body: JSON.stringify({ SecretId }) });
  expect([unsigned.status, await unsigned.text()]).toEqual([400, expect.not.stringContaining('abc')]);
});

test('the SDK puts events, and an entry that is malformed fails alone', async () => {
  const client = new EventBridgeClient(configuration);
  const entry = { Source: 'celeriac', DetailType: 'task.finished', EventBusName: 'celeriac-dev' };
  const Time = new Date('2026-01-02T03:04:05Z');
  const Entries = [
    { ...entry, Detail: '{"id":1}', Time },
    { ...entry, Detail: '{' },
  ];
  const result = await client.send(new PutEventsCommand({ Entries }));
  expect(result).toMatchObject({
    FailedEntryCount: 1,
    Entries: [{ EventId: expect.any(String) }, { ErrorCode: 'MalformedDetail' }],
  });
  expect(published).toEqual([
    [
      'celeriac-dev',
      expect.objectContaining({
        'detail-type': 'task.finished',
        source: 'celeriac',
        time: '2026-01-02T03:04:05Z',
        detail: { id: 1 },
      }),
    ],
  ]);
});

test('more than ten events at once are refused', async () => {
  const client = new EventBridgeClient(configuration);
  const Entries = Array.from({ length: 11 }, () => ({ Source: 's', DetailType: 'd', Detail: '{}' }));
  await expect(client.send(new PutEventsCommand({ Entries }))).rejects.toMatchObject({
    name: 'ValidationException',
  });
});

test('the SDK invokes a function and gets its result or its error', async () => {
  const client = new LambdaClient(configuration);
  const call = async (FunctionName: string, event: unknown) => {
    const result = await client.send(new InvokeCommand({ FunctionName, Payload: JSON.stringify(event) }));
    return {
      status: result.StatusCode,
      error: result.FunctionError,
      payload: JSON.parse(result.Payload?.transformToString() ?? ''),
    };
  };
  expect(await call('echo', { n: 1 })).toEqual({ status: 200, error: undefined, payload: { n: 1 } });
  expect(await call('arn:aws:lambda:us-east-1:000000000000:function:echo', { bad: true })).toMatchObject({
    error: 'Unhandled',
    payload: { errorMessage: 'no' },
  });
  await expect(call('nobody', {})).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
});

test('the SDK invokes a function asynchronously', async () => {
  const client = new LambdaClient(configuration);
  const command = new InvokeCommand({ FunctionName: 'echo', InvocationType: 'Event', Payload: '{"n":42}' });
  expect((await client.send(command)).StatusCode).toBe(202);
  await expect.poll(() => lines).toContain('[echo] got 42');
});
