import type { RequestListener } from 'node:http';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { serve } from '../testing/server.ts';
import { guardedFetch } from './guarded-fetch.ts';

const open = guardedFetch({ loopback: 'allowed' });
const failsWith = (code: string) => expect.objectContaining({ name: 'FetchError', code });
const text = (body: Uint8Array) => Buffer.from(body).toString();

const endless: RequestListener = (_, response) => {
  const more = () => {
    while (response.writable && response.write(Buffer.alloc(16_384, 'x')));
  };
  response.on('drain', more);
  more();
};

test('a body that never ends is refused at the limit, or cut there', async () => {
  const origin = await serve(endless);
  await expect(open({ url: origin, maxBytes: 100_000 })).rejects.toEqual(failsWith('too_large'));
  const cut = await open({ url: origin, maxBytes: 100_000, overflow: 'truncate' });
  expect([cut.truncated, cut.body.length]).toEqual([true, 100_000]);
});

test('a body of exactly the limit is complete', async () => {
  const origin = await serve((_, response) => response.end('x'.repeat(1000)));
  expect(await open({ url: origin, maxBytes: 1000 })).toMatchObject({ truncated: false });
  await expect(open({ url: origin, maxBytes: 999 })).rejects.toEqual(failsWith('too_large'));
});

const ENCODINGS = [
  ['gzip', gzipSync],
  ['deflate', deflateSync],
  ['br', brotliCompressSync],
] as const;
for (const [encoding, compress] of ENCODINGS) {
  const answering = (body: Buffer) =>
    serve((_, response) => response.writeHead(200, { 'content-encoding': encoding }).end(body));

  test(`a body compressed by ${encoding} is decompressed`, async () => {
    const origin = await answering(compress('Grüße'.repeat(500)));
    expect(text((await open({ url: origin })).body)).toBe('Grüße'.repeat(500));
  });

  test(`a body that is a bomb of ${encoding} stops at the limit`, async () => {
    const origin = await answering(compress(Buffer.alloc(20_000_000)));
    await expect(open({ url: origin, maxBytes: 50_000 })).rejects.toEqual(failsWith('too_large'));
    const cut = await open({ url: origin, maxBytes: 50_000, overflow: 'truncate' });
    expect([cut.truncated, cut.body.length]).toEqual([true, 50_000]);
  });

  test(`a body broken in ${encoding} is refused`, async () => {
    const body = compress('something to compress '.repeat(100));
    await expect(open({ url: await answering(body.subarray(0, -10)) })).rejects.toEqual(
      failsWith('encoding'),
    );
    await expect(open({ url: await answering(Buffer.from('not compressed')) })).rejects.toEqual(
      failsWith('encoding'),
    );
  });

  test(`a body that says ${encoding} and is empty is empty`, async () => {
    expect((await open({ url: await answering(Buffer.alloc(0)), method: 'HEAD' })).body.length).toBe(0);
  });
}

test('a body is not awaited where there is none', async () => {
  const origin = await serve((request, response) => {
    response.writeHead(request.method === 'HEAD' ? 200 : 204, { 'content-encoding': 'gzip' }).end();
  });
  expect(await open({ url: origin, method: 'HEAD' })).toMatchObject({ status: 200, truncated: false });
  expect(await open({ url: origin })).toMatchObject({ status: 204, truncated: false });
});
