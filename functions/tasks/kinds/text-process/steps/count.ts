import { graphemesIn } from '../text/graphemes.ts';
import { codePointsIn } from '../text/matches.ts';
import { LINE_ENDS, Parts } from '../text/segments.ts';
import { Words } from '../text/words.ts';
import { COUNTED, type Counted } from './counted.ts';
import { observe } from './observe.ts';
import type { Step, StepContext } from './step.ts';

/** Counts one thing in a text that arrives in pieces. */
type Counter = { add: (piece: string) => void; end: () => number };

const COUNTERS: Readonly<Record<Counted, (language: string) => Counter>> = {
  bytes: () => sum((piece) => Buffer.byteLength(piece)),
  code_points: () => sum(codePointsIn),
  graphemes: () => segments('en', 'grapheme', graphemesIn),
  words,
  sentences: (language) => segments(language, 'sentence', sentencesIn),
  lines,
};

/** Counts what a text contains. */
export function count(of: readonly Counted[] = COUNTED, { language, yieldTurn }: StepContext): Step {
  const counters = of.map((each) => [each, COUNTERS[each](language)] as const);
  return {
    through: (pieces) =>
      observe(pieces, async (piece) => {
        for (const [, counter] of counters) {
          counter.add(piece);
          await yieldTurn();
        }
      }),
    entry: () => ({
      ...Object.fromEntries(counters.map(([name, counter]) => [name, counter.end()])),
      language,
    }),
  };
}

function sum(countIn: (piece: string) => number): Counter {
  let total = 0;
  return {
    add: (piece) => {
      total += countIn(piece);
    },
    end: () => total,
  };
}

function segments(
  language: string,
  granularity: 'grapheme' | 'sentence',
  countIn: (text: string, segmenter: Intl.Segmenter) => number,
): Counter {
  const segmenter = new Intl.Segmenter(language, { granularity });
  const parts = new Parts(LINE_ENDS, segmenter);
  let total = 0;
  const take = (given: Iterable<{ text: string; isOpen: boolean }>) => {
    for (const { text, isOpen } of given) total += isOpen ? 0 : countIn(text, segmenter);
  };
  return {
    add: (piece) => take(parts.add(piece)),
    end: () => {
      take(parts.end());
      return total;
    },
  };
}

function sentencesIn(text: string, segmenter: Intl.Segmenter): number {
  let sentences = 0;
  // An empty line is a sentence to UAX #29, but not to a reader.
  for (const { segment } of segmenter.segment(text)) if (/\S/.test(segment)) sentences += 1;
  return sentences;
}

function words(language: string): Counter {
  const finder = new Words(language);
  let total = 0;
  const take = (lines: Iterable<string[]>) => {
    for (const line of lines) total += line.length;
  };
  return {
    add: (piece) => take(finder.add(piece)),
    end: () => {
      take(finder.end());
      return total;
    },
  };
}

/** Lines end with LF, CR LF or CR. The last one need not. */
function lines(): Counter {
  let ends = 0;
  let last = '';
  return {
    add: (piece) => {
      ends += piece.match(/\r\n|\n|\r/g)?.length ?? 0;
      if (last === '\r' && piece.startsWith('\n')) ends -= 1;
      last = piece.at(-1) ?? last;
    },
    end: () => (['', '\n', '\r'].includes(last) ? ends : ends + 1),
  };
}
