import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { brotliCompressSync, createGzip, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { serve } from '../testing/server.ts';
import { guardedFetch } from './guarded-fetch.ts';

const open = guardedFetch({ loopback: 'allowed' });
const failsWith = (code: string) => expect.objectContaining({ name: 'FetchError', code });

const answering = (encoding: string, body: Buffer) =>
  serve((_, response) => response.writeHead(200, { 'content-encoding': encoding }).end(body));

/** Returns the answer to a caller that keeps the readable beginning of a body. */
const kept = async (encoding: string, body: Buffer, maxBytes = 65_536) => {
  const { body: bytes, ...answer } = await open({
    url: await answering(encoding, body),
    maxBytes,
    overflow: 'truncate',
  });
  return { ...answer, bytes: Buffer.from(bytes) };
};

const ENCODINGS: Readonly<Record<string, (body: Buffer) => Buffer>> = {
  gzip: gzipSync,
  'x-gzip': gzipSync,
  deflate: deflateSync,
  'deflate without its zlib header': deflateRawSync,
  br: brotliCompressSync,
  'gzip, br': (body) => brotliCompressSync(gzipSync(body)),
  'br, deflate, gzip': (body) => gzipSync(deflateSync(brotliCompressSync(body))),
};
const nameOf = (encoding: string) => encoding.replace(/ without.*/, '');

/** Text that compresses to a third, and text that does not compress at all. */
const BODIES = {
  'that compresses well': Buffer.from(
    Array.from({ length: 30_000 }, (_, n) => `line ${n * 7919}\n`).join(''),
  ),
  'that does not compress': Buffer.from(randomBytes(200_000).toString('latin1'), 'latin1'),
};

for (const [encoding, compress] of Object.entries(ENCODINGS)) {
  describe(`a body in ${encoding}`, () => {
    for (const [what, body] of Object.entries(BODIES)) {
      const compressed = compress(body);

      test(`${what} arrives whole`, async () => {
        const { bytes, truncated, damage } = await kept(nameOf(encoding), compressed, body.length);
        expect([bytes.equals(body), truncated, damage]).toEqual([true, false, undefined]);
      });

      for (const maxBytes of [0, 1, 10, 4_096, 65_536, body.length - 1]) {
        test(`${what} is cut after ${maxBytes} bytes, and not dropped`, async () => {
          const { bytes, truncated, damage } = await kept(nameOf(encoding), compressed, maxBytes);
          expect([bytes.equals(body.subarray(0, maxBytes)), truncated, damage]).toEqual([
            true,
            true,
            undefined,
          ]);
        });
      }

      test(`${what} and ends too early is kept as far as it came, and marked`, async () => {
        const half = compressed.subarray(0, compressed.length >> 1);
        const { bytes, truncated, damage } = await kept(nameOf(encoding), half, body.length);
        expect([truncated, damage]).toEqual([true, 'incomplete']);
        expect(bytes.length).toBeGreaterThan(body.length / 4);
        expect(bytes.equals(body.subarray(0, bytes.length))).toBe(true);
      });
    }

    test('that no decoder accepts is marked', async () => {
      expect(await kept(nameOf(encoding), Buffer.from('not compressed'))).toMatchObject({
        bytes: Buffer.alloc(0),
        truncated: true,
        damage: 'corrupt',
      });
    });

    test('is refused where only a whole body will do', async () => {
      for (const body of [compress(Buffer.from('text')).subarray(0, -3), Buffer.from('not compressed')]) {
        await expect(open({ url: await answering(nameOf(encoding), body) })).rejects.toEqual(
          failsWith('encoding'),
        );
      }
    });

    test('that is empty is empty', async () => {
      expect(await kept(nameOf(encoding), Buffer.alloc(0))).toMatchObject({
        bytes: Buffer.alloc(0),
        truncated: false,
      });
      expect(await kept(nameOf(encoding), compress(Buffer.alloc(0)))).toMatchObject({
        bytes: Buffer.alloc(0),
        truncated: false,
      });
    });
  });
}

describe('a damaged body', () => {
  const body = BODIES['that compresses well'];

  test('in gzip whose middle is corrupt is kept up to there', async () => {
    const compressed = gzipSync(body);
    compressed.fill(0xff, compressed.length >> 1, (compressed.length >> 1) + 200);
    const { bytes, damage } = await kept('gzip', compressed, body.length);
    expect(damage).toBe('corrupt');
    expect(bytes.length).toBeGreaterThan(body.length / 4);
    const sound = bytes.subarray(0, body.length / 4);
    expect(sound.equals(body.subarray(0, sound.length))).toBe(true);
  });

  test('in gzip whose checksum is wrong is kept but for its last bytes', async () => {
    const compressed = gzipSync(body);
    compressed.writeUInt32LE(0, compressed.length - 8);
    const { bytes, damage } = await kept('gzip', compressed, body.length);
    expect(damage).toBe('corrupt');
    expect(bytes.length).toBeGreaterThan(body.length - 100);
    expect(bytes.equals(body.subarray(0, bytes.length))).toBe(true);
  });

  test('in an unknown encoding is kept as it came, and marked', async () => {
    for (const encoding of ['zstd', 'compress', 'gzip, zstd', 'gzip, gzip, gzip, gzip, gzip, gzip']) {
      expect(await kept(encoding, Buffer.from('raw'))).toMatchObject({
        bytes: Buffer.from('raw'),
        truncated: false,
        damage: 'unknown_encoding',
      });
      await expect(open({ url: await answering(encoding, Buffer.from('raw')) })).rejects.toEqual(
        failsWith('encoding'),
      );
    }
  });

  test('is whole when only garbage follows it', async () => {
    for (const [encoding, compress] of Object.entries(ENCODINGS)) {
      const body = Buffer.concat([compress(Buffer.from('the text')), Buffer.alloc(20)]);
      const { bytes, truncated } = await kept(nameOf(encoding), body);
      expect([encoding, bytes.toString(), truncated]).toEqual([encoding, 'the text', false]);
    }
  });
});

describe('a bomb', () => {
  /** Serves a stream of zeros that is compressed while it is sent. Reports how many bytes were taken. */
  const bomb = async (bytes: number) => {
    let made = 0;
    const zeros = Buffer.alloc(1_048_576);
    const url = await serve((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' });
      const source = Readable.from(
        (function* () {
          for (; made < bytes; made += zeros.length) yield zeros;
        })(),
      );
      pipeline(source, createGzip(), response).catch(() => {});
    });
    return { url, made: () => made };
  };

  test('of ten gigabytes is cut, and most of it is never sent', async () => {
    const { url, made } = await bomb(10_000_000_000);
    const { body, truncated } = await open({ url, maxBytes: 100_000, overflow: 'truncate' });
    expect([body.length, truncated]).toEqual([100_000, true]);
    expect(made()).toBeLessThan(2_000_000_000);
    await expect(open({ url, maxBytes: 100_000 })).rejects.toEqual(failsWith('too_large'));
  });

  test('inside of a bomb is cut', async () => {
    const inner = gzipSync(Buffer.alloc(200_000_000));
    const { bytes, truncated } = await kept('gzip, gzip', gzipSync(inner), 1_000);
    expect([bytes.length, truncated]).toEqual([1_000, true]);
  });

  test('that expands at an inner step only is cut at every step', async () => {
    const nothing = Buffer.concat(new Array<Buffer>(500_000).fill(gzipSync('')));
    expect(await kept('gzip', nothing, 10)).toMatchObject({ bytes: Buffer.alloc(0), truncated: true });
    expect(await kept('gzip, gzip', gzipSync(nothing), 10)).toMatchObject({
      bytes: Buffer.alloc(0),
      truncated: true,
    });
    await expect(open({ url: await answering('gzip', nothing), maxBytes: 10 })).rejects.toEqual(
      failsWith('too_large'),
    );
  });
});
