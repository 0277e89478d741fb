import { type Pieces, wholeCharacter } from './pieces.ts';

/**
 * Characters that never join with what stands before them, so that a text can be cut before them: ASCII, and the letters of the basic
 * plane without the parts of Hangul syllables.
 */
const STARTER = /^(?![\u1100-\u11ff\ud7b0-\udfff])[\t\n\x20-\x7e\p{L}]$/u;

/** Longest stretch without such a character that is normalized as a whole. No text of people has one. */
const LONGEST_STRETCH = 262_144;

/** Normalizes a text in pieces to NFC. */
export async function* normalized(pieces: Pieces): Pieces {
  let waiting = '';
  for await (const piece of pieces) {
    const known = waiting.length;
    waiting += piece;
    let cut = waiting.length - 1;
    while (cut >= known && !STARTER.test(waiting.charAt(cut))) cut -= 1;
    if (cut < known || cut <= 0) {
      if (waiting.length < LONGEST_STRETCH) continue;
      cut = wholeCharacter(waiting, waiting.length - 1);
    }
    yield waiting.slice(0, cut).normalize('NFC');
    waiting = waiting.slice(cut);
  }
  if (waiting !== '') yield waiting.normalize('NFC');
}
