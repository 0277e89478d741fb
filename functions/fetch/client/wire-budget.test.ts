import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import {
  createServer,
  getCACertificates,
  type Server,
  setDefaultCACertificates,
  type TLSSocket,
} from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ENDLESS, forEver, speaking } from '../testing/endless-server.ts';
import { guardedFetch } from './guarded-fetch.ts';
import { wireLimit } from './wire-budget.ts';

const fetch = guardedFetch({ loopback: 'allowed' });
const failsWith = (code: string) => expect.objectContaining({ name: 'FetchError', code });

/** Maximum bytes that the operating system holds between two sockets. */
const IN_TRANSIT = 16_000_000;

for (const overflow of ['refuse', 'truncate'] as const) {
  describe(`what has no end is cut off, with \`${overflow}\``, () => {
    for (const [what, [beginning, again]] of Object.entries(ENDLESS)) {
      test(what, async () => {
        const { origin, sent } = await speaking(forEver(beginning, again));
        const answer = await fetch({ url: origin, maxBytes: 1_000, overflow, timeoutSeconds: 30 }).catch(
          ({ code }) => code,
        );
        // The request must end neither by its time limit nor with a complete answer.
        expect(['too_large', 'network', expect.objectContaining({ truncated: true })]).toContainEqual(answer);
        await expect.poll(sent).toBeLessThan(IN_TRANSIT);
      });
    }
  });
}

/** Returns an answer of exactly this many bytes, most of which are chunk extensions. */
function answerOf(bytes: number): string {
  const head = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n';
  const end = '0\r\n\r\n';
  const chunk = (extension: number) => `1;${'x'.repeat(extension)}\r\nx\r\n`;
  let left = bytes - head.length - end.length;
  let body = '';
  for (; left > 8_000; left -= 4_000) body += chunk(4_000 - chunk(0).length);
  return head + body + chunk(left - chunk(0).length) + end;
}

test('an answer may have exactly the limit on the wire, and no byte more', async () => {
  const maxBytes = 10_000;
  for (const [bytes, outcome] of [
    [wireLimit(maxBytes), 200],
    [wireLimit(maxBytes) + 1, 'too_large'],
  ] as const) {
    const text = answerOf(bytes);
    expect(text.length).toBe(bytes);
    const { origin } = await speaking((socket) => socket.end(text));
    const answer = await fetch({ url: origin, maxBytes }).then(
      ({ status }) => status,
      ({ code }) => code,
    );
    expect(answer).toBe(outcome);
  }
});

test('a body of the limit in chunks of one byte is whole', async () => {
  // With six bytes each on the wire, the chunks need the whole limit: twice the body, and 512 KiB.
  const maxBytes = 131_000;
  expect(6 * maxBytes).toBeGreaterThan(wireLimit(maxBytes) - 500);
  const { origin } = await speaking((socket) =>
    socket.end(
      `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${'1\r\nx\r\n'.repeat(maxBytes)}0\r\n\r\n`,
    ),
  );
  expect(await fetch({ url: origin, maxBytes })).toMatchObject({ truncated: false, status: 200 });
});

test('answers that redirect count together with the last one', async () => {
  const maxBytes = 0;
  // Each hop alone is within the limit; three hops together exceed it.
  const early = 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(Math.floor((wireLimit(maxBytes) * 0.4) / 28));
  let asked = 0;
  const { origin } = await speaking((socket, self) => {
    asked += 1;
    socket.end(`${early}HTTP/1.1 302 Found\r\nlocation: ${self}/${asked}\r\ncontent-length: 0\r\n\r\n`);
  });
  await expect(fetch({ url: origin, maxBytes })).rejects.toEqual(failsWith('too_large'));
  expect(asked).toBe(3);
});

describe('over TLS', () => {
  const file = (name: string) =>
    readFileSync(new URL(`../../../infra-tests/tls/${name}`, import.meta.url), 'utf8');
  let port: number;
  let speak: (socket: TLSSocket) => void;
  let server: Server;

  beforeAll(async () => {
    setDefaultCACertificates([...getCACertificates(), file('authority.pem')]);
    server = createServer({ key: file('localhost.key'), cert: file('localhost.pem') }, (socket) => {
      socket.on('error', () => {});
      socket.once('data', () => speak(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
  });
  afterAll(() => {
    setDefaultCACertificates(getCACertificates('bundled'));
    server.close();
  });

  test('an answer arrives', async () => {
    speak = (socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nhere');
    const { body } = await fetch({ url: `https://localhost:${port}/` });
    expect(Buffer.from(body).toString()).toBe('here');
  });

  test('a status line without an end is cut off', async () => {
    let written = 0;
    speak = (socket) => {
      socket.on('close', () => {
        written = socket.bytesWritten;
      });
      forEver(...ENDLESS['a status line'])(socket);
    };
    await expect(fetch({ url: `https://localhost:${port}/`, maxBytes: 1_000 })).rejects.toEqual(
      failsWith('too_large'),
    );
    await expect.poll(() => written).toBeGreaterThan(0);
    expect(written).toBeLessThan(IN_TRANSIT);
  });
});
