import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  ApiGatewayManagementApiClient,
  DeleteConnectionCommand,
  GetConnectionCommand,
  GoneException,
  PayloadTooLargeException,
  PostToConnectionCommand,
} from '@aws-sdk/client-apigatewaymanagementapi';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { startFixtureLambda } from '../lambda/testing/fixtures.ts';
import { CONNECTION_LIMITS, type WebSocketApi, webSocketApi } from './websocket-api.ts';
import { askHere, webSocketManagement } from './websocket-management.ts';

/** Prints its events, so that the tests can read them from the log. */
const FUNCTION = `export const handler = async (event) => {
  console.log(JSON.stringify(event));
  const { mode } = event.queryStringParameters ?? {};
  if (mode === 'refuse') return { statusCode: 401 };
  if (mode === 'throw' || event.body === 'throw') throw new Error('no');
  if (event.requestContext.eventType === 'CONNECT' && event.headers['Sec-WebSocket-Protocol'])
    return { statusCode: 200, headers: { 'Sec-WebSocket-Protocol': event.headers['Sec-WebSocket-Protocol'].split(',')[0] } };
  return { statusCode: 200 };
}`;

let servers: Server[];
let api: WebSocketApi;
/** A second API with short time limits. */
let impatient: WebSocketApi;
let lines: string[];
let stop: () => Promise<void>;
let origin: string;
let impatientOrigin: string;
let management: ApiGatewayManagementApiClient;

beforeAll(async () => {
  const fixture = await startFixtureLambda({ socket: FUNCTION });
  ({ lines, stop } = fixture);
  const routes = ['$connect', '$disconnect', '$default', 'special'].map((routeKey) => ({
    routeKey,
    functionName: 'socket',
  }));
  const options = {
    api: { stage: 'ws', selection: '$request.body.action', routes },
    lambda: fixture.lambda,
  };
  api = webSocketApi(options);
  impatient = webSocketApi({ ...options, limits: { ...CONNECTION_LIMITS, idleSeconds: 1 } });
  const [front, impatientFront] = [api, impatient].map(({ upgrade }) =>
    createServer().on('upgrade', (...args) => void upgrade(...args)),
  ) as [Server, Server];
  const manage = webSocketManagement(askHere(api));
  const back = createServer((request, response) => void manage(request, response));
  servers = [front, impatientFront, back];
  for (const server of servers) await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const portOf = (server: Server) => (server.address() as AddressInfo).port;
  origin = `ws://127.0.0.1:${portOf(front)}`;
  impatientOrigin = `ws://127.0.0.1:${portOf(impatientFront)}`;
  management = new ApiGatewayManagementApiClient({
    endpoint: `http://127.0.0.1:${portOf(back)}/ws`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
});
afterAll(async () => {
  await Promise.all([api.stop(), impatient.stop()]);
  for (const server of servers) server.close();
  await stop();
});

type SocketEvent = Record<string, unknown> & { requestContext: Record<string, unknown> };
const events = (): SocketEvent[] =>
  lines.filter((line) => line.startsWith('[socket] {')).map((line) => JSON.parse(line.slice(9)));
const eventsOf = (connectionId: unknown) =>
  events().filter((event) => event.requestContext.connectionId === connectionId);

async function connect(path = '/ws', protocols: string[] = []) {
  const before = new Set(api.connections.keys());
  const socket = new WebSocket(origin + path, protocols);
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  const id = await expect
    .poll(() => [...api.connections.keys()].find((key) => !before.has(key)))
    .toBeDefined()
    .then(() => [...api.connections.keys()].find((key) => !before.has(key)));
  return { socket, id: id ?? '' };
}
const nextMessage = (socket: WebSocket) =>
  new Promise<string>((resolve) => socket.once('message', (data) => resolve(String(data))));
const closing = (socket: WebSocket) => new Promise<number>((resolve) => socket.once('close', resolve));

test('a connection’s life is $connect, messages, $disconnect', async () => {
  const { socket, id } = await connect('/ws?task=1&task=2');
  socket.send('{"action":"special"}');
  socket.send('plain text');
  await expect.poll(() => eventsOf(id)).toHaveLength(3);
  socket.close(4000, 'bye');
  await expect.poll(() => eventsOf(id)).toHaveLength(4);
  const context = {
    stage: 'ws',
    connectionId: id,
    identity: { sourceIp: '127.0.0.1' },
    messageDirection: 'IN',
  };
  expect(eventsOf(id)).toMatchObject([
    {
      headers: { 'Sec-WebSocket-Version': '13' },
      queryStringParameters: { task: '2' },
      multiValueQueryStringParameters: { task: ['1', '2'] },
      requestContext: {
        ...context,
        routeKey: '$connect',
        eventType: 'CONNECT',
        connectedAt: expect.any(Number),
      },
    },
    {
      requestContext: { ...context, routeKey: 'special', eventType: 'MESSAGE' },
      body: '{"action":"special"}',
    },
    { requestContext: { ...context, routeKey: '$default', eventType: 'MESSAGE' }, body: 'plain text' },
    {
      requestContext: {
        ...context,
        routeKey: '$disconnect',
        eventType: 'DISCONNECT',
        disconnectStatusCode: 4000,
        disconnectReason: 'bye',
      },
    },
  ]);
});

for (const [mode, status] of [
  ['refuse', 401],
  ['throw', 500],
] as const) {
  test(`a $connect that answers ${mode} refuses the handshake with ${status}`, async () => {
    await expect(connect(`/ws?mode=${mode}`)).rejects.toThrow(`Unexpected server response: ${status}`);
  });
}

test('the subprotocol is the one that $connect chose', async () => {
  const { socket } = await connect('/ws', ['celeriac', 'other']);
  expect(socket.protocol).toBe('celeriac');
  socket.close();
});

test('the client is told when the function fails on its message', async () => {
  const { socket, id } = await connect();
  const message = nextMessage(socket);
  socket.send('throw');
  expect(JSON.parse(await message)).toMatchObject({ message: 'Internal server error', connectionId: id });
  socket.close();
});

test('the SDK posts to a connection, describes it and closes it', async () => {
  const { socket, id } = await connect();
  const message = nextMessage(socket);
  await management.send(new PostToConnectionCommand({ ConnectionId: id, Data: '{"größe":1}' }));
  expect(await message).toBe('{"größe":1}');
  const described = await management.send(new GetConnectionCommand({ ConnectionId: id }));
  expect(described.ConnectedAt).toBeInstanceOf(Date);
  const closed = closing(socket);
  await management.send(new DeleteConnectionCommand({ ConnectionId: id }));
  expect(await closed).toBe(1000);
});

test('posting to an unknown connection is a GoneException, and too much data is refused', async () => {
  const post = (ConnectionId: string, Data: string) =>
    management.send(new PostToConnectionCommand({ ConnectionId, Data }));
  await expect(post('nobody=', 'x')).rejects.toBeInstanceOf(GoneException);
  const { socket, id } = await connect();
  await expect(post(id, 'x'.repeat(128 * 1024 + 1))).rejects.toBeInstanceOf(PayloadTooLargeException);
  socket.close();
});

test('128 KB exactly may be posted and sent, counted in bytes', async () => {
  const { socket, id } = await connect();
  const text = 'ü'.repeat(64 * 1024);
  const message = nextMessage(socket);
  await management.send(new PostToConnectionCommand({ ConnectionId: id, Data: text }));
  expect(await message).toBe(text);
  await expect(
    management.send(new PostToConnectionCommand({ ConnectionId: id, Data: `${text}x` })),
  ).rejects.toBeInstanceOf(PayloadTooLargeException);
  const body = () => lines.some((line) => line.includes(text));
  socket.send(text);
  await expect.poll(body).toBe(true);
  const closed = closing(socket);
  socket.send(`${text}x`);
  expect(await closed).toBe(1009);
});

test('a connection has four messages with the function at once, and none after it was closed', async () => {
  const open: (() => void)[] = [];
  let most = 0;
  let called = 0;
  const slow = webSocketApi({
    api: {
      stage: 'ws',
      selection: '$request.body.action',
      routes: [{ routeKey: '$default', functionName: 'slow' }],
    },
    lambda: {
      async invoke() {
        called += 1;
        await new Promise<void>((resolve) => {
          open.push(resolve);
          most = Math.max(most, open.length);
        });
        return { payload: '{}' };
      },
    } as unknown as Parameters<typeof webSocketApi>[0]['lambda'],
  });
  const server = createServer().on('upgrade', (...args) => void slow.upgrade(...args));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const socket = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/ws`);
  await new Promise((done) => socket.once('open', done));
  for (let n = 0; n < 100; n += 1) socket.send(String(n));
  await expect.poll(() => open.length).toBe(4);
  open.shift()?.();
  await expect.poll(() => called).toBe(5);
  const [connection] = slow.connections.values();
  connection?.socket.close(1000);
  for (const done of open.splice(0)) done();
  expect(await closing(socket)).toBe(1000);
  expect([called, most]).toEqual([5, 4]);
  await slow.stop();
  server.close();
});

test('a message of more than 128 KB closes the connection', async () => {
  const { socket } = await connect();
  const closed = closing(socket);
  socket.send('x'.repeat(128 * 1024 + 1));
  expect(await closed).toBe(1009);
});

test('an idle connection is closed', async () => {
  const socket = new WebSocket(`${impatientOrigin}/ws`);
  expect(await closing(socket)).toBe(1001);
});
