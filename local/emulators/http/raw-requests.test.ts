import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { LambdaEvent } from 'hono/aws-lambda';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type DatabaseFixture,
  databaseFixture,
} from '../../../functions/database/testing/database-fixture.ts';
import { BULK_LIMITS } from '../../../functions/http/app/json-body.ts';
import { Problem } from '../../../functions/http/app/problem.ts';
import { onLambda } from '../../../functions/http/on-lambda.ts';
import { apiFunction, type Client } from '../../../functions/http/testing/api-function.ts';
import { freePort } from '../../process/free-port.ts';
import { httpApi } from '../api-gateway/http-api.ts';
import { CONSOLE, fileServer, readErrorPages } from '../cloudfront/files.ts';
import { type FrontDoor, startFrontDoor } from '../cloudfront/front-door.ts';
import { viewerRequest } from '../cloudfront/viewer-request.ts';
import { sendRaw } from './testing/raw-socket.ts';

const EDGE = join(import.meta.dirname, '..', '..', '..', 'lib', 'edge', 'viewer-request.js');

let on: DatabaseFixture;
let api: ReturnType<typeof apiFunction>;
let ada: Client;
let door: FrontDoor;
let port: number;

beforeAll(async () => {
  on = await databaseFixture();
  api = apiFunction(on);
  ada = await api.register();
  const respond = onLambda(api.app);
  port = await freePort();
  door = await startFrontDoor([port]);
  const pages = [414, 502, 503, 504].map((status) => ({
    status,
    responseStatus: status,
    path: `/errors/${status}.problem`,
  }));
  door.open({
    httpApi: httpApi({
      routes: ['ANY /api', 'ANY /api/{proxy+}', 'ANY /.well-known/{proxy+}'].map((routeKey) => ({
        routeKey,
        functionName: 'api',
      })),
      lambda: {
        invoke: async (_name, event) => {
          const answer = await respond(JSON.parse(event) as LambdaEvent, {} as never);
          return { payload: JSON.stringify(answer) };
        },
      },
    }),
    webSocketApi: async (_request, socket) => void socket.end('HTTP/1.1 418 I\r\ncontent-length: 0\r\n\r\n'),
    files: fileServer(CONSOLE, {}),
    viewerRequest: viewerRequest(await readFile(EDGE, 'utf8')),
    errorPages: await readErrorPages(CONSOLE, pages),
  });
});
afterAll(async () => {
  door.stop();
  await on.close();
});

const TASK = '{"name":"Task"}';

type Given = {
  method?: string;
  path?: string | Buffer;
  version?: string;
  /** Header lines exactly as they are sent. */
  lines?: readonly (string | Buffer)[];
  body?: string | Buffer;
};

/** Builds a request. It declares the length of its body, unless `lines` declare it. */
function requestOf({
  method = 'GET',
  path = '/api/tasks/',
  version = '1.1',
  lines = [],
  body = '',
}: Given): Buffer {
  const has = (name: RegExp) => lines.some((line) => name.test(line.toString()));
  const length = Buffer.byteLength(body);
  const all = [
    ...(has(/^host:/i) ? [] : ['Host: localhost']),
    ...(has(/^authorization:/i) ? [] : [`Authorization: Bearer ${ada.access}`]),
    'Connection: close',
    ...(length > 0 && !has(/^content-type:/i) ? ['Content-Type: application/json'] : []),
    ...(length > 0 && !has(/^(?:content-length|transfer-encoding):/i) ? [`Content-Length: ${length}`] : []),
    ...lines,
  ].filter((line) => line.length > 0 && !/^host:$/i.test(line.toString()));
  const parts = [
    `${method} `,
    path,
    ` HTTP/${version}\r\n`,
    ...all.flatMap((line) => [line, '\r\n']),
    '\r\n',
    body,
  ];
  return Buffer.concat(parts.map((part) => Buffer.from(part)));
}

const post = (given: Given): Given => ({ method: 'POST', body: TASK, ...given });
const chunked = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n0\r\n\r\n`;
const CHUNKED = 'Transfer-Encoding: chunked';
const utf16 = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(TASK, 'utf16le')]);

/** Refused requests, each with its status. */
const REFUSED: Record<string, [status: number, given: Given]> = {
  'a path with half an escape': [400, { path: '/api/tasks/%zz' }],
  'a path that ends in an escape': [400, { path: '/api/tasks/%' }],
  'a path with NUL': [400, { path: '/api/tasks/%00' }],
  'a path with a line end': [400, { path: '/api/tasks/%0d%0a' }],
  'a path with an overlong slash': [400, { path: '/api/tasks/%c0%af' }],
  'a path in Latin-1': [400, { path: '/api/tasks/%ff' }],
  'a path with a lone surrogate': [400, { path: '/api/tasks/%ed%a0%80' }],
  'a path with bytes that are not encoded': [
    400,
    { path: Buffer.from([0x2f, 0x61, 0x70, 0x69, 0x2f, 0xff]) },
  ],
  'a path with an encoded question mark': [400, { path: '/api/tasks/%3Fx' }],
  'a path with half an escape below .well-known': [400, { path: '/.well-known/%zz' }],
  'a path that there is not below .well-known': [404, { path: '/.well-known/security.txt' }],
  'the API’s own path': [404, { path: '/api' }],
  'the API’s own path with a slash': [404, { path: '/api/' }],
  'a path with an encoded number sign': [400, { path: '/api/tasks/%23x' }],
  'a path with an encoded backslash': [400, { path: '/api/tasks/%5Cx' }],
  'a path with slashes doubled': [404, { path: '/api//tasks/' }],
  'a query with half an escape': [400, { path: '/api/tasks/?kind=%zz' }],
  'a query with NUL': [400, { path: '/api/tasks/?cursor=%00' }],
  'a query with an overlong slash': [400, { path: '/api/tasks/?cursor=%c0%ae' }],
  'a query in Latin-1': [400, { path: '/api/tasks/?cursor=%ff' }],
  'a parameter of the name __proto__': [400, { path: '/api/tasks/?__proto__=1' }],
  'a parameter twice': [400, { path: '/api/tasks/?limit=1&limit=2' }],
  'a URL of 8,193 bytes': [414, { path: `/api/tasks/?cursor=${'a'.repeat(8_193 - 19)}` }],
  'a URL of 9 KB for a WebSocket': [414, { path: `/ws/tasks/${'a'.repeat(9_000)}` }],
  'headers of 9 KB': [431, { lines: [`X-Filler: ${'a'.repeat(9_000)}`] }],
  'headers of 11 KB': [431, { lines: [`X-Filler: ${'a'.repeat(11_000)}`] }],
  'headers of 40 KB': [431, { lines: [`X-Filler: ${'a'.repeat(40_000)}`] }],
  'a body with an invalid byte': [400, post({ body: Buffer.from('{"name":"Gr\xfc\xdfe"}', 'latin1') })],
  'a body with an invalid byte in a key': [400, post({ body: Buffer.from('{"n\xfcme":"x"}', 'latin1') })],
  'a body with a surrogate': [400, post({ body: Buffer.from('{"name":"\xed\xa0\x80"}', 'latin1') })],
  'a body with an overlong encoding': [400, post({ body: Buffer.from('{"name":"\xc0\xaf"}', 'latin1') })],
  'a body in UTF-16': [400, post({ body: utf16 })],
  'a body in UTF-16 that says so': [
    415,
    post({ body: utf16, lines: ['Content-Type: application/json; charset=utf-16'] }),
  ],
  'a body in gzip': [415, post({ body: gzipSync(TASK), lines: ['Content-Encoding: gzip'] })],
  'a body in gzip that does not say so': [400, post({ body: gzipSync(TASK) })],
  'a plain body that says gzip': [415, post({ lines: ['Content-Encoding: gzip'] })],
  'a GET with a body': [400, { body: TASK }],
  'a GET with a body in chunks': [400, { body: chunked(TASK), lines: [CHUNKED] }],
  'a DELETE with a body': [400, { method: 'DELETE', path: '/api/pauses/kind/a', body: TASK }],
  'a DELETE with a body in chunks': [
    400,
    { method: 'DELETE', path: '/api/pauses/kind/a', body: chunked(TASK), lines: [CHUNKED] },
  ],
  'a body larger than any documented': [413, post({ body: 'a'.repeat(BULK_LIMITS.bytes + 1) })],
  'a length larger than any documented, without a body': [
    413,
    { method: 'POST', lines: ['Content-Length: 3000001'] },
  ],
  'a body of 4 MB in chunks': [413, post({ body: chunked('a'.repeat(4_000_000)), lines: [CHUNKED] })],
  'two lengths of a body': [400, post({ lines: ['Content-Length: 15', 'Content-Length: 16'] })],
  'a length and chunks': [400, post({ body: chunked(TASK), lines: ['Content-Length: 15', CHUNKED] })],
  'a length that is no number': [400, post({ lines: ['Content-Length: many'] })],
  'a negative length': [400, post({ lines: ['Content-Length: -1'] })],
  'a chunk that is not in hexadecimal': [400, post({ body: 'zz\r\n', lines: [CHUNKED] })],
  'an encoding of the transfer that there is not': [400, post({ lines: ['Transfer-Encoding: gzip'] })],
  'chunk extensions of 20 KB': [413, post({ body: `1;${'a'.repeat(20_000)}\r\n`, lines: [CHUNKED] })],
  'an empty Idempotency-Key': [400, post({ lines: ['Idempotency-Key:'] })],
  'two Authorizations': [401, { lines: ['Authorization: Bearer a', 'Authorization: Bearer b'] }],
  'two media types': [
    415,
    post({ lines: ['Content-Type: application/json', 'Content-Type: application/json'] }),
  ],
  'a header line without a colon': [400, { lines: ['Nonsense'] }],
  'a header with NUL': [400, { lines: ['X-Nul: a\0b'] }],
  'a header name with a space': [400, { lines: ['X Space: a'] }],
  'no host': [400, { lines: ['Host:'] }],
  'two hosts': [400, { lines: ['Host: a', 'Host: b'] }],
  'a host that is no name': [400, { lines: ['Host: a b'] }],
  'a method that there is not': [400, { method: 'FROB' }],
  'a method in lower case': [400, { method: 'get' }],
  'a method of WebDAV': [405, { method: 'PROPFIND' }],
  TRACE: [405, { method: 'TRACE' }],
  CONNECT: [405, { method: 'CONNECT', path: 'localhost:80' }],
  'a version that there is not': [400, { version: '9.9' }],
  'an expectation that there is not': [417, post({ lines: ['Expect: a miracle'] })],
  'a GET of a WebSocket': [426, { path: '/ws/tasks/a/' }],
  'an upgrade of the API': [404, { lines: ['Connection: upgrade', 'Upgrade: websocket'] }],
  'an upgrade of a WebSocket that there is not': [
    404,
    { path: '/ws/x', lines: ['Connection: upgrade', 'Upgrade: websocket'] },
  ],
};

async function only(bytes: Buffer, options?: { end: boolean }) {
  const answers = await sendRaw(port, bytes, options);
  expect(answers.map(({ status }) => status)).toHaveLength(1);
  return answers[0] as (typeof answers)[number];
}

function expectProblem({ status, headers, body }: Awaited<ReturnType<typeof only>>, expected: number) {
  expect([status, headers['content-type']], body).toEqual([expected, 'application/problem+json']);
  const problem = Problem.parse(JSON.parse(body));
  expect(problem).toMatchObject({ status: expected, error: problem.detail });
}

describe('a problem document is the answer to', () => {
  for (const [what, [status, given]] of Object.entries(REFUSED)) {
    test(what, async () => {
      expectProblem(await only(requestOf(given)), status);
      expect(api.faults).toEqual([]);
    });
  }

  test('half a request', async () => {
    const bytes = requestOf(post({ lines: ['Content-Length: 100'] }));
    expectProblem(await only(bytes, { end: true }), 400);
  });

  test('bytes that are not HTTP', async () => {
    expectProblem(await only(Buffer.from('\x16\x03\x01\x02\x00\x01\x00')), 400);
  });
});

/** Unusual requests that are accepted, each with its status. */
const ACCEPTED: Record<string, [status: number, given: Given]> = {
  'HTTP/1.0 without a host': [200, { version: '1.0', lines: ['Host:'] }],
  'a host that is an address of IPv6': [200, { lines: ['Host: [::1]:8000'] }],
  'a whole URL as its target': [200, { path: 'http://localhost/api/tasks/' }],
  'a body in chunks': [201, post({ body: chunked(TASK), lines: [CHUNKED] })],
  'two Idempotency-Keys, which are one with a comma': [
    201,
    post({ lines: ['Idempotency-Key: a', 'Idempotency-Key: b'] }),
  ],
  'U+FFFD in its body': [201, post({ body: '{"name":"a\ufffdb"}' })],
  'U+FFFD in its body in chunks': [201, post({ body: chunked('{"name":"a\ufffdb"}'), lines: [CHUNKED] })],
  'an escaped letter in its path': [200, { path: '/api/%74asks/' }],
  'several slashes at the end': [200, { path: '/api/tasks///' }],
  'a URL of 8,192 bytes': [400, { path: `/api/tasks/?cursor=${'a'.repeat(8_192 - 19)}` }],
  'an empty body that is labelled': [
    200,
    { method: 'GET', lines: ['Content-Length: 0', 'Content-Type: text/plain'] },
  ],
};

for (const [what, [status, given]] of Object.entries(ACCEPTED)) {
  test(`a request with ${what} gets ${status} from the API`, async () => {
    const answer = await only(requestOf(given));
    expect([answer.status, api.faults], answer.body).toEqual([status, []]);
  });
}

test('a HEAD is answered without a body, also when it is refused', async () => {
  for (const [status, given] of [
    [200, {}],
    [400, { body: TASK }],
    [400, { path: '/api/%zz' }],
  ] as const) {
    const [answer] = await sendRaw(port, requestOf({ method: 'HEAD', ...given }));
    expect([answer?.status, answer?.body]).toEqual([status, '']);
  }
});

test('a client that waits for 100 Continue is told to go on', async () => {
  const answers = await sendRaw(port, requestOf(post({ lines: ['Expect: 100-continue'] })));
  expect(answers.map(({ status }) => status)).toEqual([100, 201]);
});

test('bytes behind a body get a problem document after the answer to the body', async () => {
  const bytes = requestOf(
    post({ body: `${TASK}garbage\r\n\r\n`, lines: [`Content-Length: ${TASK.length}`] }),
  );
  const open = Buffer.from(bytes.toString().replace('Connection: close\r\n', ''));
  const [first, second] = await sendRaw(port, open);
  expect(first?.status).toBe(201);
  expectProblem(second as never, 400);
});

test('the head may have 9,000 bytes', async () => {
  const head = (filler: number) => requestOf({ lines: [`X-Filler: ${'a'.repeat(filler)}`] });
  // The head's final line end does not count.
  const room = 9_000 - (head(0).length - 2);
  expect((await only(head(room))).status).toBe(200);
  expectProblem(await only(head(room + 1)), 431);
});
