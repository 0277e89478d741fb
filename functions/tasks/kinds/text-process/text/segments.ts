import { wholeCharacter } from './pieces.ts';

/** Code units that are segmented at once. `Intl.Segmenter` takes some tenths of a second for so many graphemes. */
const WINDOW = 65_536;

/** Code units after a place that decide whether a segment ends there, in a line without a better place to cut. */
const LOOK_AHEAD = 1_024;

/** Characters after which a word, a sentence and a grapheme end, whatever follows. */
export const LINE_ENDS = ['\n', '\u2028', '\u2029', '\u0085'];

/** A part of a text. `isOpen`: a single segment, or the beginning of one, which the next part continues. */
type Part = { readonly text: string; readonly isOpen: boolean };

/** Cuts a text that arrives in pieces into parts that can be segmented one by one. */
export class Parts {
  readonly #safe: readonly string[];
  readonly #segmenter: Intl.Segmenter;
  #buffer = '';

  /**
   * @param safe characters after which a segment ends, whatever follows
   * @param segmenter used in stretches without such a character: there, a part ends where a segment does
   */
  constructor(safe: readonly string[], segmenter: Intl.Segmenter) {
    this.#safe = safe;
    this.#segmenter = segmenter;
  }

  *add(piece: string): Generator<Part> {
    this.#buffer += piece;
    while (this.#buffer.length >= WINDOW) {
      const safe = 1 + Math.max(...this.#safe.map((each) => this.#buffer.lastIndexOf(each)));
      const decided = wholeCharacter(this.#buffer, this.#buffer.length - LOOK_AHEAD);
      const end = safe > 0 ? safe : this.#segmenter.segment(this.#buffer).containing(decided)?.index;
      yield this.#take(end || decided, !end);
    }
  }

  *end(): Generator<Part> {
    if (this.#buffer !== '') yield this.#take(this.#buffer.length, false);
  }

  #take(end: number, isOpen: boolean): Part {
    const text = this.#buffer.slice(0, end);
    this.#buffer = this.#buffer.slice(end);
    return { text, isOpen };
  }
}
