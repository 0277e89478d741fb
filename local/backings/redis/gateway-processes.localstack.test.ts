import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import {
  ApiGatewayManagementApiClient,
  DeleteConnectionCommand,
  GetConnectionCommand,
  PostToConnectionCommand,
} from '@aws-sdk/client-apigatewaymanagementapi';
import { afterAll, afterEach, beforeAll, expect, inject, test } from 'vitest';
import { WebSocket } from 'ws';
import { type AwsApi, startAwsApi } from '../../emulators/aws-api.ts';
import { startFixtureLambda } from '../../emulators/lambda/testing/fixtures.ts';
import type { Sockets } from '../backing.ts';
import { startGatewayProcesses } from './gateway-processes.ts';
import { connectRedis, type Redis } from './redis-client.ts';

/*
 * Two gateway processes, a Redis connection that can be cut, and functions that print their events.
 */

// `$disconnect` takes 500 ms, so that a test that sees its line can act before the function has ended.
const FUNCTION = `export const handler = async ({ requestContext: { eventType, connectionId }, headers }) => {
  console.log(JSON.stringify({ eventType, connectionId, client: headers?.['X-Client'] }));
  if (eventType === 'DISCONNECT') await new Promise((done) => setTimeout(done, 500));
  return { statusCode: 200 };
}`;

let api: AwsApi;
let redis: Redis;
let line: Awaited<ReturnType<typeof startLine>>;
let gateways: Sockets;
let front: HttpServer;
let lines: string[];
let stopLambda: () => Promise<void>;

beforeAll(async () => {
  const fixture = await startFixtureLambda({ socket: FUNCTION }, { maxSandboxes: 2 });
  ({ lines, stop: stopLambda } = fixture);
  redis = await connectRedis(inject('emulators').redis);
  line = await startLine(inject('emulators').redis);
  api = await startAwsApi();
  gateways = await startGatewayProcesses({
    api: {
      stage: 'ws',
      selection: '$request.body.action',
      routes: ['$connect', '$disconnect', '$default'].map((routeKey) => ({
        routeKey,
        functionName: 'socket',
      })),
    },
    lambdaEndpoint: api.endpoint,
    redisUrl: line.url,
    count: 2,
    log: () => {},
  });
  api.serve({
    lambda: fixture.lambda,
    secrets: new Map(),
    publish: () => {},
    ses: { answer: () => undefined },
    connections: async (_request, response) => void response.end(),
  });
  front = createHttpServer().on('upgrade', (...args) => void gateways.upgrade(...args));
  await new Promise<void>((done) => front.listen(0, '127.0.0.1', done));
});

// Sockets that a failed test left open would disturb its repetition.
afterEach(() => {
  for (const socket of opened.splice(0)) socket.terminate();
});

afterAll(async () => {
  await gateways?.stop();
  front?.close();
  await api?.stop();
  await stopLambda?.();
  line?.stop();
  redis?.destroy();
});

/** Starts a proxy to Redis whose connections can be cut and restored. */
async function startLine(target: string) {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let isCut = false;
  const server: Server = createServer((near) => {
    if (isCut) return void near.destroy();
    const far = dial({ host: hostname, port: Number(port) });
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.pipe(other);
      one.on('error', () => {});
      one.once('close', () => {
        sockets.delete(one);
        other.destroy();
      });
    }
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const cut = () => {
    isCut = true;
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    join: () => {
      isCut = false;
    },
    stop: () => {
      cut();
      server.close();
    },
  };
}

type Seen = { eventType: string; connectionId: string; client?: string };
const seen = (): Seen[] =>
  lines.filter((one) => one.includes('{"')).map((one) => JSON.parse(one.slice(one.indexOf('{'))));
const endOf = (connectionId: string) =>
  seen().filter((event) => event.eventType === 'DISCONNECT' && event.connectionId === connectionId).length;

let clients = 0;
const opened: WebSocket[] = [];

/** Connects a client through the front, or directly to one gateway. */
async function connect(port = (front.address() as AddressInfo).port) {
  clients += 1;
  const client = `client-${clients}`;
  const frames: string[] = [];
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, { headers: { 'X-Client': client } });
  opened.push(socket);
  socket.on('message', (data) => frames.push(String(data)));
  const closed = new Promise<number>((resolve) => socket.once('close', resolve));
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  const idOf = () => seen().find((event) => event.client === client)?.connectionId;
  await expect.poll(idOf).toBeDefined();
  return { socket, frames, closed, id: idOf() ?? '' };
}

/** Client for the `@connections` API of one gateway. */
const managementAt = (port: number) =>
  new ApiGatewayManagementApiClient({
    endpoint: `http://127.0.0.1:${port}/ws`,
    region: 'us-east-1',
    maxAttempts: 1,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });

async function both() {
  await expect.poll(() => gateways.gateways().length, { timeout: 20_000 }).toBe(2);
  const [first, second] = gateways.gateways();
  if (!first || !second) throw new Error('there are not two gateways');
  return [first, second] as const;
}

const post = (connectionId: string, text: string) =>
  gateways.ask({ method: 'POST', connectionId, body: Buffer.from(text) });

test('a post that arrives at one gateway reaches the client of the other, in order, and back', async () => {
  const [first, second] = await both();
  const [here, there] = [await connect(first.port), await connect(second.port)];
  for (const [client, other] of [
    [here, second],
    [there, first],
  ] as const) {
    const management = managementAt(other.port);
    const sent = Array.from({ length: 20 }, (_, n) => `frame ${n} — ✓`);
    for (const Data of sent) {
      await management.send(new PostToConnectionCommand({ ConnectionId: client.id, Data }));
    }
    await expect.poll(() => client.frames).toEqual(sent);
    const connection = await management.send(new GetConnectionCommand({ ConnectionId: client.id }));
    expect(connection.ConnectedAt).toBeInstanceOf(Date);
    await management.send(new DeleteConnectionCommand({ ConnectionId: client.id }));
    expect(await client.closed).toBe(1000);
  }
});

test('a frame of the largest size passes, and one that is larger is refused', async () => {
  const { id, frames, socket } = await connect();
  const largest = 'x'.repeat(128 * 1024);
  expect(await post(id, largest)).toEqual({ status: 200 });
  expect(await post(id, `${largest}x`)).toEqual({ status: 413, errorType: 'PayloadTooLargeException' });
  await expect.poll(() => frames).toEqual([largest]);
  socket.close();
});

test('what nobody holds is gone: unknown, or closed by its client', async () => {
  const gone = { status: 410, errorType: 'GoneException' };
  expect(await post('unknown', 'x')).toEqual(gone);
  const { id, socket, closed } = await connect();
  socket.close();
  await closed;
  await expect.poll(() => endOf(id)).toBe(1);
  expect(await post(id, 'x')).toEqual(gone);
});

test('the front hands clients to both gateways in turn', async () => {
  const held = async () => {
    const keys = await redis.keys('celeriac:gateway:*:held');
    return Promise.all(keys.map((key) => redis.hLen(key)));
  };
  // The clients of earlier tests have left, but their gateways may not have written it down yet.
  await expect.poll(held).toEqual([]);
  const connected = await Promise.all([1, 2, 3, 4].map(() => connect()));
  expect(await held()).toEqual([2, 2]);
  for (const { socket } of connected) socket.close();
  await expect.poll(held).toEqual([]);
});

test('a gateway killed with -9 leaves no ghost: gone at once, $disconnect for each, nothing left in Redis, and a successor', async () => {
  const [victim, survivor] = await both();
  const lost = await Promise.all([1, 2, 3].map(() => connect(victim.port)));
  const kept = await connect(survivor.port);
  process.kill(victim.pid, 'SIGKILL');
  await Promise.all(lost.map(({ closed }) => closed));
  for (const { id } of lost) expect(await post(id, 'x')).toMatchObject({ status: 410 });
  await expect.poll(() => lost.map(({ id }) => endOf(id)), { timeout: 20_000 }).toEqual([1, 1, 1]);
  await expect
    .poll(() => Promise.all(lost.map(({ id }) => redis.exists(`celeriac:connection:${id}`))))
    .toEqual([0, 0, 0]);
  await expect.poll(() => gateways.gateways().length, { timeout: 20_000 }).toBe(2);
  await expect.poll(() => redis.sCard('celeriac:gateways')).toBe(2);
  expect(gateways.gateways().map(({ pid }) => pid)).not.toContain(victim.pid);
  expect(await post(kept.id, 'still here')).toEqual({ status: 200 });
  await expect.poll(() => kept.frames).toEqual(['still here']);
  kept.socket.close();
});

test('a gateway that was silent for too long lets its clients go, since the system has buried them', async () => {
  const [frozen] = await both();
  const { id, closed } = await connect(frozen.port);
  process.kill(frozen.pid, 'SIGSTOP');
  try {
    await expect.poll(() => endOf(id), { timeout: 20_000 }).toBe(1);
    expect(await post(id, 'x')).toMatchObject({ status: 410 });
  } finally {
    process.kill(frozen.pid, 'SIGCONT');
  }
  expect(await closed).toBe(1001);
  // A client that connects from now on stays connected, even if the burial of the old connections ends only then.
  const again = await connect(frozen.port);
  const gateway = await redis.get(`celeriac:connection:${again.id}`);
  await expect.poll(() => redis.exists(`celeriac:gateway:${gateway}:burial`)).toBe(0);
  const beat = () => redis.get(`celeriac:gateway:${gateway}:alive`);
  for (let beats = 0; beats < 2; beats += 1) await expect.poll(beat).not.toBe(await beat());
  expect(await post(again.id, 'x')).toEqual({ status: 200 });
  expect(await redis.sIsMember('celeriac:gateways', String(gateway))).toBe(1);
});

test('without Redis nobody is called gone and nobody is let in; with it again, clients are let go and come back', async () => {
  const { id, closed } = await connect();
  line.cut();
  await expect.poll(() => post(id, 'x')).toEqual({ status: 500, errorType: 'InternalServerErrorException' });
  await expect(connect()).rejects.toThrow('500');
  line.join();
  // Another gateway may have asked for the connection meanwhile. Left open, the client would wait for frames that never
  // come.
  expect(await closed).toBe(1001);
  const isBack = async () => {
    const { id: another, frames } = await connect();
    if ((await post(another, 'back')).status !== 200) return false;
    await expect.poll(() => frames).toEqual(['back']);
    return true;
  };
  await expect.poll(() => isBack().catch(() => false), { timeout: 20_000 }).toBe(true);
});
