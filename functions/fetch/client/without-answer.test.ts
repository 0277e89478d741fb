import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { afterAll, expect, test } from 'vitest';
import { guardedFetch } from './guarded-fetch.ts';
import { withoutAnswer } from './without-answer.ts';

const ADDRESS = /127\.0\.0\.1|::1|10\.1\.2\.3|fd00/;

const breaking = createServer((socket) => socket.once('data', () => socket.resetAndDestroy()));
const port = await new Promise<number>((resolve) => {
  breaking.listen(0, '127.0.0.1', () => resolve((breaking.address() as AddressInfo).port));
});
afterAll(() => void breaking.close());

/** Returns the error of a request to a name that resolves to this machine. */
async function told(url: string): Promise<{ code: string; message: string }> {
  const fetch = guardedFetch({ loopback: 'allowed', lookUp: async () => ['127.0.0.1'] });
  return fetch({ url, timeoutSeconds: 5 }).then(
    () => ({ code: 'none', message: '' }),
    ({ code, message }) => ({ code, message }),
  );
}

test('an error does not contain the address that the name resolved to', async () => {
  const closed = await new Promise<number>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
  const failures = [
    await told(`http://inner.example:${closed}/`),
    await told(`http://inner.example:${port}/`),
    await told(`https://inner.example:${port}/`),
  ];
  expect(failures.map(({ code }) => code)).toEqual([
    'network',
    'network',
    expect.stringMatching(/network|tls/),
  ]);
  for (const { message } of failures) {
    expect(message).not.toMatch(ADDRESS);
    expect(message).not.toBe('');
  }
});

test.each([
  ['ECONNREFUSED', 'connect ECONNREFUSED 10.1.2.3:80'],
  ['EHOSTUNREACH', 'connect EHOSTUNREACH fd00::7:443 - Local (10.1.2.3:0)'],
  ['EADDRNOTAVAIL', 'connect EADDRNOTAVAIL 10.1.2.3:80 - Local (127.0.0.1:0)'],
  [
    'UND_ERR_CONNECT_TIMEOUT',
    'Connect Timeout Error (attempted addresses: 10.1.2.3:443, fd00::7:443, timeout: 10000ms)',
  ],
  ['ERR_TLS_CERT_ALTNAME_INVALID', "IP: 10.1.2.3 is not in the cert's list: fd00::7"],
  ['', 'other side closed at 10.1.2.3:80'],
])('%s is told without addresses', (code, message) => {
  const told = withoutAnswer(Object.assign(new Error(message), { code })).message;
  expect(told).not.toMatch(ADDRESS);
  expect(told).not.toBe('');
});

test('several parallel tries give one error, with the code of the last', () => {
  const tries = ['10.1.2.3', 'fd00::7'].map((address) =>
    Object.assign(new Error(`connect ECONNREFUSED ${address}:80`), { code: 'ECONNREFUSED' }),
  );
  const error = Object.assign(new AggregateError(tries), { code: 'ECONNREFUSED' });
  expect(withoutAnswer(error)).toMatchObject({
    code: 'network',
    message: 'The server refused the connection',
  });
});
