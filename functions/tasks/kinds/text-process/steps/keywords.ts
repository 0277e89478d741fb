import { MAX_TERMS, MAX_WORD } from '../text/bounds.ts';
import { Words } from '../text/words.ts';
import { FrequentTerms } from './frequent-terms.ts';
import { observe } from './observe.ts';
import type { Step, StepContext } from './step.ts';
import { STOP_WORD_LISTS } from './stop-word-languages.ts';

export type KeywordSettings = {
  /** Words of one term. */
  readonly ngram: number;
  /** Terms that are returned. */
  readonly top: number;
  /** Code units of the shortest word. */
  readonly min_length: number;
  /** A language, or `none`. Default: the language of the text. */
  readonly stop_words?: string | undefined;
};

/** Counts the terms of a text: words, or sequences of words, in lower case. */
export function keywords(settings: KeywordSettings, context: StepContext): Step {
  const { ngram, top, min_length: shortest } = settings;
  const language = settings.stop_words ?? new Intl.Locale(context.language).language;
  const words = new Words(context.language);
  const terms = new FrequentTerms(MAX_TERMS);
  let total = 0;
  let stopWords: ReadonlySet<string> | undefined;

  const isCounted = (word: string) =>
    word.length >= shortest && word.length <= MAX_WORD && !stopWords?.has(word);
  const take = (lines: Iterable<string[]>): void => {
    for (const line of lines) {
      const lower = line.map((word) => word.toLocaleLowerCase(context.language));
      for (let at = 0; at + ngram <= lower.length; at += 1) {
        const term = lower.slice(at, at + ngram);
        // A sequence may have a stop word within, as in "state of the art".
        if (
          !isCounted(term[0] ?? '') ||
          !isCounted(term.at(-1) ?? '') ||
          term.some(({ length }) => length > MAX_WORD)
        )
          continue;
        terms.add(term.join(' '));
        total += 1;
      }
    }
  };
  return {
    async *through(pieces) {
      stopWords = await stopWordsOf(language);
      yield* observe(pieces, async (piece) => {
        take(words.add(piece));
        await context.yieldTurn();
      });
      take(words.end());
    },
    entry: () => ({
      terms: terms.top(top).map(([term, count]) => ({ term, count })),
      total,
      is_exact: terms.error === 0,
      // Distinct terms that were dropped are not known.
      ...(terms.error === 0 ? { distinct: terms.distinct } : { max_error: terms.error }),
      stop_words: stopWords ? language : 'none',
    }),
  };
}

async function stopWordsOf(language: string): Promise<ReadonlySet<string> | undefined> {
  if (!isListed(language)) return undefined;
  const lists = await import('stopword');
  return new Set(lists[STOP_WORD_LISTS[language]]);
}

const isListed = (language: string): language is keyof typeof STOP_WORD_LISTS =>
  Object.hasOwn(STOP_WORD_LISTS, language);
