import { isAscii, isUtf8 } from 'node:buffer';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { PermanentError } from '../../../define-task.ts';
import type { OpenArtifact } from '../../../task-artifacts.ts';
import { MAX_FILE_BYTES } from '../table/bounds.ts';
import { type Texts, withoutByteOrderMark } from './texts.ts';

const GUNZIP_PIECE_BYTES = 65_536;

/**
 * Returns the text of a file: UTF-8, with or without a byte order mark, also packed by gzip.
 *
 * Reading throws PermanentError `file_invalid`: the content is no UTF-8, has a NUL, is broken gzip, or is too large
 */
export function fileTexts(
  { content, bytes: packedBytes }: Pick<OpenArtifact, 'content' | 'bytes'>,
  maxBytes = MAX_FILE_BYTES,
): Texts {
  return async function* () {
    let packedRead = 0;
    const counted = async function* () {
      for await (const piece of content) {
        packedRead += piece.length;
        yield Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
      }
    };
    let bytesRead = 0;
    for await (const { text, bytes } of decoded(unpacked(counted()))) {
      const piece = bytesRead === 0 ? withoutByteOrderMark(text) : text;
      bytesRead += bytes;
      if (bytesRead > maxBytes) throw fileInvalid(`the content has at most ${maxBytes} bytes, unpacked`);
      yield { text: piece, share: packedRead / Math.max(1, packedBytes), bytesRead };
    }
  };
}

/** Unpacks a content that begins as gzip does. */
async function* unpacked(content: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  const first = await content.next();
  if (first.done) return;
  const whole = async function* () {
    yield first.value;
    yield* content;
  };
  if (first.value[0] !== 0x1f || first.value[1] !== 0x8b) {
    yield* whole();
    return;
  }
  const gunzip = createGunzip({ chunkSize: GUNZIP_PIECE_BYTES });
  // An error of the content destroys `gunzip` with it, and the loop below throws it.
  pipeline(Readable.from(whole()), gunzip, () => {});
  try {
    for await (const piece of gunzip) yield piece as Buffer;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (!code.startsWith('Z_')) throw error;
    const rule = code === 'Z_BUF_ERROR' ? 'the gzip content breaks off' : 'the gzip content is damaged';
    throw fileInvalid(rule, {}, error);
  }
}

/** Decodes UTF-8. A character whose bytes come in two pieces belongs to the second one. */
async function* decoded(content: AsyncIterable<Buffer>): AsyncGenerator<{ text: string; bytes: number }> {
  let rest: Buffer = Buffer.alloc(0);
  let before = 0;
  for await (const piece of content) {
    const all = rest.length > 0 ? Buffer.concat([rest, piece]) : piece;
    const whole = all.subarray(0, all.length - unfinishedBytes(all));
    rest = Buffer.from(all.subarray(whole.length));
    if (whole.length === 0) continue;
    yield { text: textOf(whole, before), bytes: whole.length };
    before += whole.length;
  }
  if (rest.length > 0) throw notUtf8(before);
}

/** @returns the number of bytes at the end that may begin a character: at most 3 */
function unfinishedBytes(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return back < lengthBegunBy(byte) ? back : 0;
  }
  return 0;
}

/** @returns the bytes of a character that begins with this byte */
function lengthBegunBy(byte: number): number {
  if (byte >= 0xf0) return 4;
  return byte >= 0xe0 ? 3 : 2;
}

/** @param before bytes of the content before these */
function textOf(bytes: Buffer, before: number): string {
  const nul = bytes.indexOf(0);
  if (nul !== -1) throw fileInvalid('a text has no NUL', { byte: before + nul });
  if (isAscii(bytes)) return bytes.toString('latin1');
  if (isUtf8(bytes)) return bytes.toString('utf8');
  throw notUtf8(before + firstInvalid(bytes));
}

/** @returns the index at which the first character begins that is none */
function firstInvalid(bytes: Buffer): number {
  let [valid, invalid] = [0, bytes.length];
  while (invalid - valid > 1) {
    const middle = Math.floor((valid + invalid) / 2);
    if (canBegin(bytes.subarray(0, middle))) valid = middle;
    else invalid = middle;
  }
  return valid - unfinishedBytes(bytes.subarray(0, valid));
}

function canBegin(bytes: Buffer): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}

const notUtf8 = (byte: number) => fileInvalid('the content is UTF-8', { byte });

function fileInvalid(rule: string, where: { byte?: number } = {}, cause?: unknown): PermanentError {
  const at = where.byte === undefined ? '' : ` (byte ${where.byte})`;
  return new PermanentError('file_invalid', `The file: ${rule}${at}`, { cause, details: { rule, ...where } });
}
