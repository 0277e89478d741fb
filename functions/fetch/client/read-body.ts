import { Readable, Transform, Writable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { FetchError } from '../fetch-error.ts';
import type { BodyDamage } from '../port.ts';
import { type DecoderOptions, decodersFor, isDecoderFault, isUnexpectedEnd } from './decoders.ts';

export interface BodyLimits {
  /** Bytes of the decoded body. */
  readonly maxBytes: number;
  readonly overflow: 'refuse' | 'truncate';
}

/** Extra bytes that a body may have on the wire compared with its decoded size: compression makes tiny bodies longer. */
const WIRE_SURPLUS_BYTES = 65_536;

export interface ReadBody {
  readonly bytes: Uint8Array;
  readonly truncated: boolean;
  readonly damage?: BodyDamage;
}

/**
 * Reads and decodes a body. Decoding stops at the limit, so that a few kilobytes cannot become gigabytes. When there are
 * several encodings, the input of each decoder has a limit of its own.
 *
 * With `truncate`, a body that is too long or damaged is kept as far as it could be decoded.
 *
 * @throws FetchError with `refuse`: `too_large`, or `encoding` for a body that cannot be decoded completely
 */
export async function readBody(
  body: Readable,
  contentEncoding: string | undefined,
  { maxBytes, overflow }: BodyLimits,
): Promise<ReadBody> {
  const read = await decode(body, contentEncoding, maxBytes);
  if (overflow === 'truncate') return read;
  if (read.damage !== undefined) throw new FetchError('encoding', REFUSALS[read.damage]);
  if (read.truncated) throw new FetchError('too_large', `The body is longer than ${maxBytes} bytes`);
  return read;
}

const REFUSALS: Readonly<Record<BodyDamage, string>> = {
  incomplete: 'The compressed body ends too early',
  corrupt: 'The compressed body is broken',
  unknown_encoding: 'The body is compressed in a way that was not asked for',
};

async function decode(
  body: Readable,
  contentEncoding: string | undefined,
  maxBytes: number,
): Promise<ReadBody> {
  const decoders = decodersFor(contentEncoding);
  if (decoders === undefined) return { ...(await pass(body, [], maxBytes)), damage: 'unknown_encoding' };
  if (decoders.length === 0) return pass(body, [], maxBytes);

  const wire: Buffer[] = [];
  const stages = (options: DecoderOptions, seen?: Buffer[]) =>
    decoders.flatMap((decoder, at) => [
      limiter(maxBytes + WIRE_SURPLUS_BYTES, at === 0 ? seen : undefined),
      decoder(options),
    ]);
  const first = await pass(body, stages(FAST, wire), maxBytes);
  if (!first.truncated || first.bytes.length === maxBytes) return first;
  if (wire.length === 0) return { bytes: first.bytes, truncated: false };
  // A decoder that fails or is stopped loses the output that it still holds. So decode all received bytes again, in small
  // pieces.
  const came = Buffer.concat(wire);
  const chunkBytes = Math.max(64, came.length >> 8);
  const { bytes } = await pass(Readable.from([came]), stages({ chunkBytes, endsAnywhere: true }), maxBytes);
  return { ...first, bytes };
}

const FAST: DecoderOptions = { chunkBytes: 16_384, endsAnywhere: false };

class LimitReached extends Error {}

/** Sends a body through stages and keeps their output, up to a limit. A fault of a decoder is returned, not thrown. */
async function pass(source: Readable, stages: readonly Transform[], maxBytes: number): Promise<ReadBody> {
  const kept: Buffer[] = [];
  let room = maxBytes;
  // An iterator would lose its buffered chunks when an earlier stage fails, so this is a Writable.
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      kept.push(chunk.subarray(0, room));
      if (chunk.length > room) return done(new LimitReached());
      room -= chunk.length;
      done();
    },
  });
  const flow = pipeline([source, ...stages, sink]);
  try {
    // Waits for the sink, not for the whole pipeline: no stage reads data behind the end of a compressed body.
    await Promise.race([flow, finished(sink)]);
    return { bytes: Buffer.concat(kept), truncated: false };
  } catch (error) {
    const bytes = Buffer.concat(kept);
    if (error instanceof LimitReached) return { bytes, truncated: true };
    if (!isDecoderFault(error)) throw error;
    return { bytes, truncated: true, damage: isUnexpectedEnd(error) ? 'incomplete' : 'corrupt' };
  } finally {
    flow.catch(() => {});
    for (const stream of [source, ...stages]) stream.on('error', () => {}).destroy();
  }
}

/** Passes up to `maxBytes` bytes on, then fails. @param seen receives all chunks that were passed on */
function limiter(maxBytes: number, seen?: Buffer[]): Transform {
  let room = maxBytes;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seen?.push(chunk.subarray(0, room));
      if (chunk.length > room) return done(new LimitReached());
      room -= chunk.length;
      done(null, chunk);
    },
  });
}
