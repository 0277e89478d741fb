import { createServer } from 'node:net';
import { beforeAll, expect, test } from 'vitest';
import type { SocketInput } from '../realtime/socket-events.ts';
import type { handler as Handler } from './socket.ts';

let handler: typeof Handler;

beforeAll(async () => {
  Object.assign(process.env, {
    STAGE: 'test',
    DATABASE_URL: `postgres://celeriac_socket:secret@127.0.0.1:${await deadPort()}/celeriac`,
    SOCKET_ENDPOINT: 'http://127.0.0.1:9',
    TOKEN_ISSUER: 'http://localhost',
    TOKEN_IN_URL: 'refused',
    AWS_LAMBDA_FUNCTION_NAME: 'celeriac-test-socket',
    POWERTOOLS_LOG_LEVEL: 'SILENT',
  });
  ({ handler } = await import('./socket.ts'));
});

const connect = (queryStringParameters: Record<string, string>): SocketInput => ({
  requestContext: { routeKey: '$connect', connectionId: 'c0ffee=' },
  queryStringParameters,
});

test('a connection without a login is answered, not failed', async () => {
  expect(await handler(connect({}))).toEqual({ statusCode: 401 });
});

test('an event that fails is an error of the function, which its alarm counts', async () => {
  await expect(handler(connect({ ticket: 'a'.repeat(43) }))).rejects.toThrow('The event failed');
});

/** Returns a port on which no process listens. */
async function deadPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  return typeof address === 'object' && address ? address.port : 0;
}
