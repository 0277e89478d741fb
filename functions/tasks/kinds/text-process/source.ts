import { FETCH_FAILURES, FetchError } from '../../../fetch/fetch-error.ts';
import { PermanentError, RetryError, type TaskContext } from '../../define-task.ts';
import type { TextPlace } from './kind.ts';
import { ENCODING_SAMPLE, MAX_URL_BYTES } from './text/bounds.ts';
import { decoded, detectEncoding, type Encoding, encodingOf } from './text/decode.ts';
import { inPieces, type Pieces } from './text/pieces.ts';

/** The text of a task, before the first operation. */
export type Source = {
  readonly bytes: number;
  readonly encoding: Encoding;
  readonly pieces: Pieces;
};

type SourceContext = Pick<TaskContext, 'artifacts' | 'fetch' | 'signal'>;

/** Statuses that another attempt may change. */
const isRetried = (status: number) => status === 408 || status === 425 || status === 429 || status >= 500;

/**
 * Opens the text of a task.
 *
 * @param onBytes called with the number of bytes that were read so far
 */
export async function openSource(
  { text, artifact, url, encoding }: TextPlace,
  context: SourceContext,
  onBytes: (bytes: number) => void = () => {},
): Promise<Source> {
  if (text !== undefined) {
    return { bytes: Buffer.byteLength(text), encoding: { name: 'utf-8' }, pieces: toAsync(inPieces(text)) };
  }
  const file = url === undefined ? await context.artifacts.open(artifact ?? '') : await fetched(url, context);
  const content = counted(file.content, onBytes);
  const label = encoding ?? charsetOf(file.mediaType) ?? 'utf-8';
  if (label !== 'detect') {
    const name = encodingOf(label);
    if (name !== undefined) return { bytes: file.bytes, encoding: { name }, pieces: decoded(content, label) };
    // A declared encoding is checked when the task is created, so this one was named by the server or the uploader.
    throw new PermanentError(
      'encoding_unknown',
      `${label} is no encoding that is known here. Declare it in \`encoding\``,
    );
  }
  const detected = detectEncoding(await beginning(file.content));
  return { bytes: file.bytes, encoding: detected, pieces: decoded(content, detected.name) };
}

async function* toAsync(pieces: Iterable<string>): Pieces {
  yield* pieces;
}

async function* counted(content: AsyncIterable<Uint8Array>, onBytes: (bytes: number) => void) {
  let bytes = 0;
  for await (const piece of content) {
    yield piece;
    bytes += piece.length;
    onBytes(bytes);
  }
}

async function beginning(content: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of content) {
    pieces.push(piece);
    bytes += piece.length;
    if (bytes >= ENCODING_SAMPLE) break;
  }
  return Buffer.concat(pieces);
}

type File = {
  readonly bytes: number;
  readonly mediaType: string;
  readonly content: AsyncIterable<Uint8Array>;
};

const PIECE_BYTES = 65_536;

/** Fetches a text of the internet. It is in memory whole, so its size is bounded. */
async function fetched(url: string, { fetch, signal }: SourceContext): Promise<File> {
  const answer = await fetch({ url, signal, maxBytes: MAX_URL_BYTES }).catch((error: unknown) => {
    if (!(error instanceof FetchError)) throw error;
    const Failure = FETCH_FAILURES[error.code].isRetryable ? RetryError : PermanentError;
    throw new Failure(error.code, error.message, { cause: error });
  });
  if (answer.status < 200 || answer.status > 299) {
    const Failure = isRetried(answer.status) ? RetryError : PermanentError;
    throw new Failure('unexpected_status', `The server of the text answered ${answer.status}`, {
      details: { status: answer.status },
    });
  }
  const { body, headers } = answer;
  return {
    bytes: body.length,
    mediaType: headers['content-type'] ?? '',
    content: {
      async *[Symbol.asyncIterator]() {
        for (let from = 0; from < body.length; from += PIECE_BYTES)
          yield body.subarray(from, from + PIECE_BYTES);
      },
    },
  };
}

function charsetOf(mediaType: string): string | undefined {
  return /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(mediaType)?.[1];
}
