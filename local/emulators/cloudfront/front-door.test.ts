import { mkdir, mkdtemp, readFile, symlink, writeFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from '../../process/free-port.ts';
import { fileServer } from './files.ts';
import { type FrontDoor, startFrontDoor } from './front-door.ts';
import { viewerRequest } from './viewer-request.ts';

let door: FrontDoor;
let ports: number[];
let rewritten: (url: string) => string | undefined;

beforeAll(async () => {
  const outside = await mkdtemp(join(tmpdir(), 'celeriac-console-'));
  const root = join(outside, 'console');
  await mkdir(root);
  await writeFile(join(outside, 'secret.txt'), 'secret');
  await writeFile(join(root, 'index.html'), '<h1>Celeriac</h1>');
  await writeFile(join(root, 'app.js'), 'export {};');
  await writeFile(join(root, '.hidden'), 'hidden');
  await symlink(join(outside, 'secret.txt'), join(root, 'link.txt'));
  const seen = viewerRequest(
    await readFile(join(import.meta.dirname, '..', '..', '..', 'lib', 'edge', 'viewer-request.js'), 'utf8'),
  );
  rewritten = (url) => {
    const result = seen({ url, method: 'GET', headersDistinct: {}, socket: {} });
    return 'url' in result ? result.url : undefined;
  };
  ports = [await freePort(), await freePort()];
  door = await startFrontDoor(ports);
  door.open({
    httpApi: async ({ url, method, headersDistinct }) => {
      if (url === '/api/address') {
        return { status: 200, headers: {}, body: JSON.stringify(headersDistinct['x-client-address']) };
      }
      if (url === '/api/lost') throw new Error('The API is away');
      return { status: method === 'PUT' ? 503 : 200, headers: {}, body: `api ${url}` };
    },
    webSocketApi: async (incoming, socket) => void socket.end(`HTTP/1.1 418 ${incoming.url}\r\n\r\n`),
    files: fileServer(root, {
      'content-security-policy': "script-src 'self'; connect-src 'self'",
      'x-content-type-options': 'nosniff',
    }),
    viewerRequest: seen,
    errorPages: new Map([
      [503, { status: 503, headers: { 'content-type': 'application/problem+json' }, body: '{}' }],
    ]),
  });
});
afterAll(() => {
  door.close();
  door.stop();
});

/** Sends the path unchanged; `fetch` would normalize it. */
function get(path: string, { port = ports[0], host = '127.0.0.1', headers = {} } = {}) {
  return new Promise<{
    status: number | undefined;
    message: string | undefined;
    body: string;
    headers: NodeJS.Dict<string | string[]>;
  }>((resolve, reject) => {
    const outgoing = request({ host, port, path, headers }, (response) => {
      let body = '';
      response.on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () =>
        resolve({
          status: response.statusCode,
          message: response.statusMessage,
          body,
          headers: response.headers,
        }),
      );
    });
    outgoing.on('error', reject).end();
  });
}

test('both ports serve API and console', async () => {
  for (const port of ports) {
    expect(await get('/api/tasks/?x=1', { port })).toMatchObject({
      status: 200,
      body: 'api /api/tasks?x=1',
    });
    expect(await get('/.well-known/jwks.json', { port })).toMatchObject({
      body: 'api /.well-known/jwks.json',
    });
    expect(await get('/', { port })).toMatchObject({ status: 200, body: '<h1>Celeriac</h1>' });
  }
});

test('the client’s address is forwarded, whatever the client sends', async () => {
  expect((await get('/api/address')).body).toBe('["127.0.0.1"]');
  const lie = { 'x-client-address': ['198.51.100.7', '198.51.100.8'] as never };
  expect((await get('/api/address', { headers: lie })).body).toBe('["127.0.0.1"]');
});

test('a request with a foreign host name is not answered', async () => {
  for (const host of [
    'evil.example',
    'evil.example:8000',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
  ]) {
    for (const path of ['/', '/api/tasks/', '/ws']) {
      expect((await get(path, { headers: { host } })).status).toBe(421);
    }
  }
  for (const host of ['localhost:1', '127.0.0.1', '[::1]:8000', 'celeriac.localhost']) {
    expect((await get('/api/tasks/', { headers: { host } })).status).toBe(200);
  }
});

test('the console comes with the deployed headers, a type, and leave to use the local WebSocket', async () => {
  expect((await get('/app.js')).headers).toMatchObject({
    'content-type': 'text/javascript; charset=utf-8',
    'content-security-policy': "script-src 'self'; connect-src 'self' ws://localhost:* ws://127.0.0.1:*",
    'x-content-type-options': 'nosniff',
  });
});

for (const path of [
  '/missing',
  '/../secret.txt',
  '/%2e%2e/secret.txt',
  '/..%2fsecret.txt',
  '/link.txt',
  '/.hidden',
  '/%00',
  '/%zz',
]) {
  test(`${path} is not found`, async () => expect(await get(path)).toMatchObject({ status: 404 }));
}

for (const [url, expected] of [
  ['/ws', '/ws'],
  ['/ws/?ticket=t', '/ws?ticket=t'],
  ['/ws/tasks/abc/', '/ws?task=abc'],
  ['/ws/tasks/abc', '/ws?task=abc'],
  ['/ws/batches/abc/', '/ws?batch=abc'],
  ['/ws/batches/abc?ticket=t&batch=other', '/ws?ticket=t&batch=abc'],
  ['/ws/batches/', undefined],
  ['/ws/batches/abc/tasks', undefined],
  ['/ws/tasks/abc/?token=t&task=other', '/ws?token=t&task=abc'],
  ['/ws/tasks/abc/?ticket=a%2Fb%3D', '/ws?ticket=a%2Fb%3D&task=abc'],
  ['/ws?x=1&x=2&y', '/ws?x=1&x=2&y'],
  ['/ws/tasks/', undefined],
  ['/ws/other/abc', undefined],
  ['/', undefined],
  ['/api/tasks/?a=b', '/api/tasks?a=b'],
  ['/api/token/', '/api/token'],
] as const) {
  test(`the edge writes ${url} as ${expected ?? 'nothing that there is'}`, () =>
    expect(rewritten(url)).toBe(expected));
}

test('an answer of a status with an error page is replaced by the page', async () => {
  const answer = await fetch(`http://127.0.0.1:${ports[0]}/api/tasks/`, { method: 'PUT' });
  expect([answer.status, answer.headers.get('content-type'), await answer.text()]).toEqual([
    503,
    'application/problem+json',
    '{}',
  ]);
});

test('an API that cannot be reached is a bad gateway, and starting is unavailable, by problem documents', async () => {
  expect(JSON.parse((await get('/api/lost')).body)).toMatchObject({ status: 502, code: 'bad_gateway' });
  const port = await freePort();
  const starting = await startFrontDoor([port]);
  const { status, body, headers } = await get('/api/tasks/', { port });
  expect([status, headers['retry-after'], JSON.parse(body).code]).toEqual([503, '1', 'unavailable']);
  starting.stop();
});

test('an upgrade reaches the WebSocket API at its rewritten path, any other is not found', async () => {
  const headers = { connection: 'upgrade', upgrade: 'websocket' };
  expect(await get('/ws/tasks/abc/', { headers })).toMatchObject({ status: 418, message: '/ws?task=abc' });
  expect(await get('/api/', { headers })).toMatchObject({ status: 404 });
});

test('a port in use is refused in one line that says what to do', async () => {
  const port = await freePort();
  const other = createServer();
  await new Promise<void>((done) => other.listen(port, '127.0.0.1', done));
  await expect(startFrontDoor([port])).rejects.toThrow(
    `port ${port} is in use: stop what listens there, or set PORT`,
  );
  other.close();
});
