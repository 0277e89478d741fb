import { isUtf8 } from 'node:buffer';
import { analyse } from 'chardet';
import { PermanentError } from '../../../define-task.ts';
import { ENCODING_SAMPLE } from './bounds.ts';
import type { Pieces } from './pieces.ts';

export type Encoding = {
  /** Name in the WHATWG Encoding Standard. */
  readonly name: string;
  /** From 0 to 1; only of a detected encoding. */
  readonly confidence?: number;
};

/**
 * Decodes a text. A byte order mark at its beginning is dropped.
 *
 * @param label a label of the WHATWG Encoding Standard
 * @throws PermanentError `text_invalid`, with the place of the first bytes that are no text in this encoding
 */
export async function* decoded(bytes: AsyncIterable<Uint8Array>, label: string): Pieces {
  const decoder = new TextDecoder(label, { fatal: true });
  const isUtf = decoder.encoding === 'utf-8';
  let at = 0;
  /** Bytes of a character of UTF-8 that is not complete yet. */
  let rest: Uint8Array = new Uint8Array();
  for await (const piece of bytes) {
    let text: string;
    try {
      text = decoder.decode(piece, { stream: true });
    } catch (cause) {
      throw isUtf
        ? invalidUtf8(at - rest.length, Buffer.concat([rest, piece]), cause)
        : invalid(decoder.encoding, { start: at, end: at + piece.length, cause });
    }
    at += piece.length;
    if (isUtf)
      rest = incompleteEnd(rest.length > 0 && piece.length < 4 ? Buffer.concat([rest, piece]) : piece);
    if (text !== '') yield text;
  }
  try {
    const text = decoder.decode();
    if (text !== '') yield text;
  } catch (cause) {
    throw isUtf
      ? invalidUtf8(at - rest.length, rest, cause)
      : invalid(decoder.encoding, { start: at, end: at, cause });
  }
}

/** Returns the bytes at the end that begin a character of UTF-8 and do not complete it. */
function incompleteEnd(bytes: Uint8Array): Uint8Array {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) break;
    if (byte < 0xc0) continue;
    const length = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    return length > back ? bytes.slice(bytes.length - back) : new Uint8Array();
  }
  return new Uint8Array();
}

/** @param start offset of `bytes` in the whole text */
function invalidUtf8(start: number, bytes: Uint8Array, cause: unknown): PermanentError {
  const offset = start + firstInvalid(bytes);
  return new PermanentError('text_invalid', `The text is not valid UTF-8 at byte ${offset}`, {
    cause,
    details: { encoding: 'utf-8', byte_offset: offset },
  });
}

/** Returns the place of the first byte that belongs to no character. */
function firstInvalid(bytes: Uint8Array): number {
  let at = 0;
  for (const character of new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)) {
    const isGiven =
      character !== '\ufffd' || Buffer.from(bytes.subarray(at, at + 3)).toString('hex') === 'efbfbd';
    if (!isGiven) return at;
    at += Buffer.byteLength(character);
  }
  return at;
}

function invalid(
  encoding: string,
  { start, end, cause }: { start: number; end: number; cause: unknown },
): PermanentError {
  return new PermanentError(
    'text_invalid',
    `The text is not valid ${encoding} between the bytes ${start} and ${end}`,
    {
      cause,
      details: { encoding, byte_offset: start, byte_end: end },
    },
  );
}

/**
 * Detects the encoding of a text by its beginning: by a byte order mark, as UTF-8 if it is valid, else by the frequency of bytes.
 *
 * @throws PermanentError `encoding_unknown`
 */
export function detectEncoding(beginning: Uint8Array): Encoding {
  const sample = beginning.subarray(0, ENCODING_SAMPLE);
  if (sample[0] === 0xff && sample[1] === 0xfe) return { name: 'utf-16le', confidence: 1 };
  if (sample[0] === 0xfe && sample[1] === 0xff) return { name: 'utf-16be', confidence: 1 };
  if (isUtf8(sample.subarray(0, sample.length - incompleteEnd(sample).length)))
    return { name: 'utf-8', confidence: 1 };
  for (const { name, confidence } of analyse(sample)) {
    const encoding = encodingOf(name);
    if (encoding !== undefined && encoding !== 'utf-8')
      return { name: encoding, confidence: confidence / 100 };
  }
  throw new PermanentError(
    'encoding_unknown',
    'The encoding of the text cannot be detected. Declare it in `encoding`',
  );
}

/** Returns the name of an encoding that can be decoded, by one of its labels; undefined when there is none. */
export function encodingOf(label: string): string | undefined {
  try {
    return new TextDecoder(label).encoding;
  } catch {
    return undefined;
  }
}
