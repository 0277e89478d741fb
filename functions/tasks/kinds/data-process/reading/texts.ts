import type { Pause } from '../table/rows.ts';

/** A piece of a text. */
export type TextPiece = {
  readonly text: string;
  /** Share of the whole that was read when this piece was, 0 to 1. */
  readonly share: number;
  /** Bytes of the text so far, this piece included. */
  readonly bytesRead: number;
};

/** Reads a text from its beginning, in pieces. Each call reads anew. */
export type Texts = () => AsyncIterable<TextPiece>;

/** Takes a text piece by piece. */
export type Scanner = { push(text: string): void; end(): void };

/** Passes a whole text on to a scanner. @returns the bytes of the text */
export async function scanTexts(texts: Texts, scanner: Scanner, pause: Pause): Promise<number> {
  let bytes = 0;
  for await (const { text, share, bytesRead } of texts()) {
    bytes = bytesRead;
    scanner.push(text);
    await pause(share);
  }
  scanner.end();
  return bytes;
}

const UNITS_PER_PIECE = 65_536;
const BYTE_ORDER_MARK = '\uFEFF';

/** Returns the pieces of a text in memory, without a byte order mark. */
export function textsOf(given: string): Texts {
  const text = withoutByteOrderMark(given);
  return async function* () {
    for (let at = 0; at < text.length; at += UNITS_PER_PIECE) {
      const end = Math.min(text.length, at + UNITS_PER_PIECE);
      yield { text: text.slice(at, end), share: end / text.length, bytesRead: end };
    }
  };
}

export function withoutByteOrderMark(text: string): string {
  return text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
}
