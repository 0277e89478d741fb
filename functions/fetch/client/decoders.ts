import { Transform, type TransformCallback } from 'node:stream';
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  type ZlibOptions,
} from 'node:zlib';

export const ACCEPT_ENCODING = 'gzip, deflate, br';

/** A server that uses more encodings probably wants to make decoding expensive. */
const MAX_ENCODINGS = 5;

export interface DecoderOptions {
  /** Bytes of output at a time, at least 64. A decoder that fails loses the output that it still holds. */
  readonly chunkBytes: number;
  /** Accepts a body that ends too early as complete. */
  readonly endsAnywhere: boolean;
}

type Decoder = (options: DecoderOptions) => Transform;

const zlibOptions = ({ chunkBytes, endsAnywhere }: DecoderOptions): ZlibOptions => ({
  chunkSize: chunkBytes,
  ...(endsAnywhere && { finishFlush: constants.Z_SYNC_FLUSH }),
});

const gunzip: Decoder = (options) => createGunzip(zlibOptions(options));

const DECODERS: ReadonlyMap<string, Decoder> = new Map<string, Decoder>([
  ['gzip', gunzip],
  ['x-gzip', gunzip],
  ['deflate', (options) => new Inflate(options)],
  [
    'br',
    ({ chunkBytes, endsAnywhere }) =>
      createBrotliDecompress({
        chunkSize: chunkBytes,
        ...(endsAnywhere && { finishFlush: constants.BROTLI_OPERATION_FLUSH }),
      }),
  ],
]);

/**
 * Returns the decoders that undo a `Content-Encoding`, in the order in which to apply them.
 *
 * @returns undefined when one of the encodings is unknown, or when there are too many
 */
export function decodersFor(contentEncoding = ''): Decoder[] | undefined {
  const names = contentEncoding
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'identity');
  const decoders = names.flatMap((name) => DECODERS.get(name) ?? []).reverse();
  return decoders.length === names.length && names.length <= MAX_ENCODINGS ? decoders : undefined;
}

/**
 * Decodes `deflate`. In RFC 9110 the name means zlib's format, but some servers send the bare stream. The first byte
 * tells the two formats apart.
 */
class Inflate extends Transform {
  readonly #options: ZlibOptions;
  #inner: Transform | undefined;

  constructor(options: DecoderOptions) {
    super();
    this.#options = zlibOptions(options);
  }

  override _transform(chunk: Buffer, encoding: BufferEncoding, done: TransformCallback): void {
    this.#inner ??= this.#open((chunk[0] ?? 0) & 0x0f);
    this.#inner.write(chunk, encoding, (error) => done(error));
  }

  override _flush(done: TransformCallback): void {
    if (this.#inner === undefined) done();
    else this.#inner.end();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#inner?.destroy();
    done(error);
  }

  #open(method: number): Transform {
    const inner = method === ZLIB_METHOD ? createInflate(this.#options) : createInflateRaw(this.#options);
    inner.on('data', (piece) => this.push(piece));
    // Ignores data behind the end of the compressed stream.
    inner.on('end', () => this.push(null));
    inner.on('error', (error) => this.destroy(error));
    return inner;
  }
}

/** The lower half of the first byte in zlib's format (RFC 1950). */
const ZLIB_METHOD = 8;

/**
 * Returns true for an error of a decoder. Codes of zlib begin with `Z_`, codes of brotli with `ERR_BROTLI` or
 * `ERR__ERROR_`.
 */
export function isDecoderFault(error: unknown): error is Error & { code: string } {
  return error instanceof Error && 'code' in error && /^(Z_|ERR_BROTLI|ERR__ERROR_)/.test(String(error.code));
}

/** Returns true when the input ended before the decoder was done. */
export function isUnexpectedEnd({ code }: { code: string }): boolean {
  return code === 'Z_BUF_ERROR';
}
