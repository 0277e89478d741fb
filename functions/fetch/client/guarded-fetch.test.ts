import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { textGetter } from '../get-text.ts';
import { serve } from '../testing/server.ts';
import { guardedFetch } from './guarded-fetch.ts';

const redirectTo = (location: string, status = 302) =>
  serve((_, response) => response.writeHead(status, { location }).end('moved'));

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** Answers with the received request, as JSON. */
const echo: RequestListener = async (request, response) => {
  const { method, url, headers } = request;
  response.end(JSON.stringify({ method, url, headers, body: await textOf(request) }));
};

const open = guardedFetch({ loopback: 'allowed' });
const shut = guardedFetch({ loopback: 'refused' });
const failsWith = (code: string) => expect.objectContaining({ name: 'FetchError', code });
const text = (body: Uint8Array) => Buffer.from(body).toString();

test('a request arrives with its method, headers and body, and the answer comes back', async () => {
  const origin = await serve(echo);
  const headers = { 'X-One': '1', 'content-type': 'application/json' };
  const answer = await open({ url: `${origin}/p?q=1`, method: 'PUT', headers, body: '{"a":1}' });
  expect(answer).toMatchObject({ status: 200, url: `${origin}/p?q=1`, redirects: 0, truncated: false });
  expect(JSON.parse(text(answer.body))).toMatchObject({
    method: 'PUT',
    url: '/p?q=1',
    body: '{"a":1}',
    headers: { 'x-one': '1', 'content-length': '7', connection: 'close' },
  });
});

test('any status is an answer, and several values of a header are joined', async () => {
  const origin = await serve((_, response) => {
    response.statusCode = 503;
    response.setHeader('vary', ['a', 'b']).end();
  });
  expect(await open({ url: origin })).toMatchObject({ status: 503, headers: { vary: 'a, b' } });
});

describe('an address that is not public', () => {
  test('is refused before anything is sent', async () => {
    let asked = 0;
    const origin = await serve((_, response) => {
      asked += 1;
      response.end();
    });
    const { port } = new URL(origin);
    const hosts = [
      '127.0.0.1',
      '2130706433',
      '0x7f.1',
      '127.1',
      'localhost',
      'LOCALHOST.',
      '[::ffff:127.0.0.1]',
      '0.0.0.0',
    ];
    for (const host of hosts) {
      await expect(shut({ url: `http://${host}:${port}/` }), host).rejects.toEqual(
        failsWith('address_refused'),
      );
    }
    expect(asked).toBe(0);
  });

  test('is refused too where loopback is allowed', async () => {
    for (const host of [
      '169.254.169.254',
      '10.0.0.1',
      '[fd00:ec2::254]',
      '[::ffff:127.0.0.1]',
      '0.0.0.0',
      '192.168.0.1',
    ]) {
      await expect(open({ url: `http://${host}/` }), host).rejects.toEqual(failsWith('address_refused'));
    }
  });

  test('is refused behind a name, also when only one of the addresses of the name is', async () => {
    for (const addresses of [
      ['10.0.0.1'],
      ['8.8.8.8', '127.0.0.1'],
      ['2606:4700::1111', 'fd00::1'],
      ['not an address'],
    ]) {
      const fetch = guardedFetch({ loopback: 'refused', lookUp: async () => addresses });
      await expect(fetch({ url: 'http://name.example/' })).rejects.toEqual(failsWith('address_refused'));
      await expect(fetch({ url: 'https://name.example/' })).rejects.toEqual(failsWith('address_refused'));
    }
  });

  test('is refused after a redirect', async () => {
    const targets = [
      'http://169.254.169.254/latest/meta-data/',
      'http://[::ffff:7f00:1]/',
      'http://2852039166/',
      'http://10.1.2.3/',
    ];
    for (const target of targets) {
      const origin = await redirectTo(target);
      await expect(open({ url: origin }), target).rejects.toEqual(failsWith('address_refused'));
    }
  });
});

describe('a name', () => {
  test('is resolved once per connection, and the address that was checked is the one connected to', async () => {
    const origin = await serve(echo);
    const asked: string[] = [];
    // The second answer is the attack: the same name now points to an inner address.
    const answers = [['127.0.0.1'], ['10.0.0.1']];
    const fetch = guardedFetch({
      loopback: 'allowed',
      lookUp: async (hostname) => {
        asked.push(hostname);
        return answers[asked.length - 1] ?? [];
      },
    });
    const url = `http://rebind.example:${new URL(origin).port}/`;
    expect(JSON.parse(text((await fetch({ url })).body)).headers.host).toBe(new URL(url).host);
    expect(asked).toEqual(['rebind.example']);
    await expect(fetch({ url })).rejects.toEqual(failsWith('address_refused'));
  });

  test('that does not resolve, or to nothing, is a failure of its own', async () => {
    const failing = guardedFetch({
      loopback: 'refused',
      lookUp: () => Promise.reject(new Error('NXDOMAIN')),
    });
    await expect(failing({ url: 'http://nowhere.example/' })).rejects.toEqual(failsWith('dns'));
    const empty = guardedFetch({ loopback: 'refused', lookUp: async () => [] });
    await expect(empty({ url: 'http://nowhere.example/' })).rejects.toEqual(failsWith('dns'));
  });
});

describe('redirects', () => {
  test('three are followed, the fourth is not', async () => {
    const end = await serve(echo);
    let origin = end;
    for (let count = 1; count <= 3; count += 1) {
      origin = await redirectTo(`${origin}/${count}`);
      expect(await open({ url: origin })).toMatchObject({ status: 200, redirects: count, url: `${end}/1` });
    }
    await expect(open({ url: await redirectTo(origin) })).rejects.toEqual(failsWith('redirect_limit'));
  });

  test('a loop ends', async () => {
    const origin = await serve((_, response) => response.writeHead(302, { location: '/again' }).end());
    await expect(open({ url: origin })).rejects.toEqual(failsWith('redirect_limit'));
  });

  test('to another origin leave the secrets behind', async () => {
    const origin = await redirectTo(`${await serve(echo)}/there`, 307);
    const headers = { authorization: 'Bearer x', cookie: 'a=b', 'x-api-key': 'x', accept: 'text/plain' };
    const { body } = await open({ url: origin, method: 'POST', headers, body: 'kept' });
    const seen = JSON.parse(text(body));
    expect(seen).toMatchObject({
      method: 'POST',
      url: '/there',
      body: 'kept',
      headers: { accept: 'text/plain' },
    });
    expect(Object.keys(seen.headers)).not.toEqual(expect.arrayContaining(['authorization']));
    for (const secret of ['authorization', 'cookie', 'x-api-key'])
      expect(seen.headers).not.toHaveProperty(secret);
  });

  test('are answers for a caller that does not follow them', async () => {
    const origin = await redirectTo('http://169.254.169.254/');
    expect(await open({ url: origin, followRedirects: false })).toMatchObject({ status: 302, redirects: 0 });
  });
});

describe('time', () => {
  const dribble = (_: IncomingMessage, response: ServerResponse) => {
    const timer = setInterval(() => response.write('x'), 10);
    response.on('close', () => clearInterval(timer));
  };

  test('bounds a silent server and one that never stops sending', async () => {
    for (const listener of [() => {}, dribble]) {
      const origin = await serve(listener);
      await expect(open({ url: origin, timeoutSeconds: 0.1 })).rejects.toEqual(failsWith('timeout'));
    }
  });

  // The time limit is shorter than the limit of one connection.
  test('bounds a name that takes for ever, and the caller may end the wait for it', {
    timeout: 8_000,
  }, async () => {
    const fetch = guardedFetch({ loopback: 'refused', lookUp: () => new Promise(() => {}) });
    const url = 'http://slow.example/';
    await expect(fetch({ url, timeoutSeconds: 0.1 })).rejects.toEqual(failsWith('timeout'));
    const controller = new AbortController();
    const asking = fetch({ url, signal: controller.signal });
    controller.abort(new Error('No longer wanted'));
    await expect(asking).rejects.toThrow('No longer wanted');
  });

  test('bounds redirects together, not each', async () => {
    const origin = await serve((_, response) => {
      setTimeout(() => response.writeHead(302, { location: '/' }).end(), 60);
    });
    await expect(open({ url: origin, timeoutSeconds: 0.1 })).rejects.toEqual(failsWith('timeout'));
  });

  test('ends when the caller says so, with the reason that the caller gave', async () => {
    const controller = new AbortController();
    const origin = await serve((_, response) => {
      response.write('x');
      controller.abort(new Error('No longer wanted'));
    });
    await expect(open({ url: origin, signal: controller.signal })).rejects.toThrow('No longer wanted');
    await expect(open({ url: origin, signal: controller.signal })).rejects.toThrow('No longer wanted');
  });
});

describe('a connection', () => {
  test('that is refused or reset is a network failure', async () => {
    const origin = await serve((request) => request.socket.destroy());
    await expect(open({ url: origin })).rejects.toEqual(failsWith('network'));
    const halfway = await serve((request, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('x', () => request.socket.destroy());
    });
    await expect(open({ url: halfway })).rejects.toEqual(failsWith('network'));
  });

  test('that does not speak HTTP is a network failure', async () => {
    const server = createTcpServer((socket) => socket.end('220 mail.example ESMTP\r\n'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await expect(open({ url: `http://127.0.0.1:${port}/` })).rejects.toEqual(failsWith('network'));
    server.close();
    await expect(open({ url: `http://127.0.0.1:${port}/` })).rejects.toEqual(failsWith('network'));
  });

  test('to a server whose headers have no end is a network failure', async () => {
    const origin = await serve((_, response) =>
      response.writeHead(200, { 'x-long': 'x'.repeat(40_000) }).end(),
    );
    await expect(open({ url: origin })).rejects.toEqual(failsWith('network'));
  });
});

const HEADERS = [
  ['a host', { Host: 'other.example' }],
  ['a connection header', { 'Transfer-Encoding': 'chunked' }],
  ['a value of two lines', { 'x-a': 'one\r\nx-b: two' }],
  ['a line break alone', { 'x-a': 'one\nx-b: two' }],
  ['a NUL', { 'x-a': 'one\u0000' }],
  ['a name that is none', { 'x a': '1' }],
  ['a name of two lines', { 'x-a\r\nx-b': '1' }],
  ['text that is not Latin-1', { 'x-a': '☃' }],
] as const;

for (const [what, headers] of HEADERS) {
  test(`a header with ${what} is refused`, async () => {
    await expect(open({ url: 'http://127.0.0.1:1234', headers })).rejects.toEqual(
      failsWith('header_refused'),
    );
  });
}

test('a text getter reads numbers as they are written, within its limits', async () => {
  const body = '{"bitcoin":{"usd":67187.3358936566000000001}}';
  const origin = await serve((_, response) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end(body),
  );
  const getText = textGetter(open);
  expect(await getText(origin)).toMatchObject({ status: 200, text: body });
  await expect(getText(origin, { maxBytes: 10 })).rejects.toEqual(failsWith('too_large'));
});
