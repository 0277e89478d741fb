import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeleteQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { LONG_POLL_SECONDS } from '../backings/localstack/localstack-backing.ts';
import { startRuntime } from '../runtime.ts';
import { register, watch } from './client.ts';
import { type RequestCounter, startRequestCounter } from './request-counter.ts';
import { systemTests } from './system-suite.ts';

/*
 * The system as `npm run start:localstack` runs it: LocalStack holds the queues and the bus, and two gateway processes
 * hold the sockets.
 */

let dataDir: string | undefined;
let counter: RequestCounter | undefined;

// Vitest runs this after the suite's `afterAll`, which stops the runtime, because it is registered earlier.
afterAll(async () => {
  await counter?.close();
  if (dataDir) await rm(dataDir, { recursive: true, force: true });
});

const runtime = systemTests({
  start: async (options) => {
    const { aws, redis, postgres } = inject('emulators');
    dataDir = await mkdtemp(join(tmpdir(), 'celeriac-localstack-'));
    counter = await startRequestCounter(aws);
    return startRuntime({
      ...options,
      dataDir,
      external: { aws: counter.url, redis, postgres, gateways: 2 },
    });
  },
  sqsRequestCounts: () => counter?.sqsRequestCounts() ?? {},
  longPollSeconds: LONG_POLL_SECONDS,
});

describe('what only this mode can lose', () => {
  const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();

  test('a gateway killed with -9: its client comes back to another one, and the frames of both go on', async () => {
    // An earlier attempt of this test may have killed a gateway.
    await expect.poll(() => runtime().gateways().length, { timeout: 20_000 }).toBe(2);
    const ada = await register(runtime().url);
    const id = await ada.create({ name: 'watched', scheduled_time: inAnHour() });
    const address = `${runtime().wsUrl}/ws/tasks/${id}/`;
    const watchers = await Promise.all([1, 2].map(() => watch(address, ['celeriac', ada.access])));
    const [victim] = runtime().gateways();
    expect(victim).toBeDefined();
    process.kill(victim?.pid ?? 0, 'SIGKILL');
    // Connections alternate between the gateways: each gateway had one of the two.
    const isClosed = () => watchers.filter(({ socket }) => socket.readyState === socket.CLOSED).length;
    await expect.poll(isClosed, { timeout: 10_000 }).toBe(1);
    const returned = await watch(address, ['celeriac', ada.access]);
    await ada.ask('POST', `/api/tasks/${id}/cancel/`);
    const survivors = [...watchers, returned].filter(({ socket }) => socket.readyState === socket.OPEN);
    expect(survivors).toHaveLength(2);
    for (const survivor of survivors) {
      await survivor.until((frame) => frame.status === 'CANCELLED');
      survivor.socket.close();
    }
    await expect.poll(() => runtime().gateways().length, { timeout: 20_000 }).toBe(2);
  });

  test('an emulator that forgets its queues, as LocalStack does at a restart, gets them again; no task is lost', async () => {
    const ada = await register(runtime().url);
    const { queuesEndpoint, deployment } = runtime();
    const sqs = new SQSClient({
      endpoint: queuesEndpoint,
      region: 'us-east-1',
      credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
    });
    const soon = new Date(Date.now() + 2_000).toISOString();
    const id = await ada.create({ name: 'forgotten', scheduled_time: soon });
    for (const { url } of deployment.queues) await sqs.send(new DeleteQueueCommand({ QueueUrl: url }));
    sqs.destroy();
    const status = async () => {
      await runtime().invoke('dispatcher');
      return (await ada.ask('GET', `/api/tasks/${id}/`)).body.status;
    };
    await expect.poll(status, { timeout: 50_000, interval: 1_000 }).toBe('COMPLETED');
  });
});
