import type { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { FetchError } from './fetch-error.ts';

export interface BodyLimits {
  /** Of the decompressed body. */
  readonly maxBytes: number;
  readonly overflow: 'refuse' | 'truncate';
}

/** How much longer than `maxBytes` a body may be on the wire: compression makes what is tiny longer. */
const WIRE_SURPLUS_BYTES = 1024;

export const ACCEPT_ENCODING = 'gzip, deflate, br';

const DECODERS: ReadonlyMap<string, () => Transform> = new Map([
  ['gzip', () => createGunzip()],
  ['x-gzip', () => createGunzip()],
  ['deflate', () => createInflate()],
  ['br', () => createBrotliDecompress()],
]);

/**
 * Reads and decompresses a body, never holding more of it than allowed: decompression stops where the limit is
 * reached, so that a few kilobytes cannot become gigabytes.
 *
 * @throws FetchError `too_large` when the body is longer and may not be truncated; `encoding` for one that is
 *   compressed twice, in an unknown way, or brokenly
 */
export async function readBody(
  body: Readable,
  contentEncoding: string | undefined,
  { maxBytes, overflow }: BodyLimits,
): Promise<{ bytes: Uint8Array; truncated: boolean }> {
  const decoder = decoderOf(contentEncoding);
  const kept: Buffer[] = [];
  let room = maxBytes;
  let truncated = false;

  async function* onTheWire(source: AsyncIterable<Buffer>) {
    let wireRoom = maxBytes + WIRE_SURPLUS_BYTES;
    for await (const chunk of source) {
      wireRoom -= chunk.length;
      if (wireRoom < 0) throw new Overflow();
      yield chunk;
    }
  }
  async function keep(source: AsyncIterable<Buffer>) {
    for await (const chunk of source) {
      kept.push(chunk.subarray(0, room));
      if (chunk.length > room) throw new Overflow();
      room -= chunk.length;
    }
  }
  try {
    if (decoder === undefined) await pipeline(body, keep);
    else await pipeline(body, onTheWire, decoder, keep);
  } catch (error) {
    if (!(error instanceof Overflow)) throw isDecoderError(error) ? brokenEncoding(error) : error;
    if (overflow === 'refuse') throw new FetchError('too_large', `The body is longer than ${maxBytes} bytes`);
    truncated = true;
  }
  return { bytes: Buffer.concat(kept), truncated };
}

class Overflow extends Error {}

function decoderOf(contentEncoding = ''): Transform | undefined {
  const name = contentEncoding.trim().toLowerCase();
  if (name === '' || name === 'identity') return undefined;
  const decoder = DECODERS.get(name);
  if (decoder === undefined)
    throw new FetchError('encoding', `Compressed as ${name.slice(0, 40)}, which was not asked for`);
  return decoder();
}

/** Errors of zlib are named `Z_…`, those of brotli `ERR_BROTLI…` or `ERR__ERROR_…`. */
function isDecoderError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && /^(Z_|ERR_BROTLI|ERR__ERROR_)/.test(String(error.code));
}

function brokenEncoding(cause: Error): FetchError {
  return new FetchError('encoding', 'The compressed body is broken', { cause });
}
