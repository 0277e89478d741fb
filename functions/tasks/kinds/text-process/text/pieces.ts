import { PermanentError } from '../../../define-task.ts';

/** A text that arrives in pieces. No piece ends within a surrogate pair. */
export type Pieces = AsyncIterable<string>;

const PIECE = 65_536;

/** Returns the place at or before `at` that is not within a surrogate pair. */
export function wholeCharacter(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  const isWithinPair =
    at > 0 && unit >= 0xdc00 && unit <= 0xdfff && (text.charCodeAt(at - 1) & 0xfc00) === 0xd800;
  return isWithinPair ? at - 1 : at;
}

export function* inPieces(text: string): Generator<string> {
  for (let from = 0; from < text.length; ) {
    const to = wholeCharacter(text, Math.min(text.length, from + PIECE));
    yield text.slice(from, to);
    from = to;
  }
}

/**
 * Reads a whole text.
 *
 * @param rule the longest length, and the operation that takes no longer text
 * @throws PermanentError `text_too_large`
 */
export async function whole(pieces: Pieces, { max, where }: { max: number; where: string }): Promise<string> {
  let text = '';
  for await (const piece of pieces) {
    text += piece;
    if (text.length > max) {
      throw new PermanentError(
        'text_too_large',
        `${where} takes a text of at most ${max.toLocaleString('en-US')} UTF-16 code units`,
        { details: { pointer: where, limit: max } },
      );
    }
  }
  return text;
}
