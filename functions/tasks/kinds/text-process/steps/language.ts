import { LANGUAGE_SAMPLE } from '../text/bounds.ts';
import { observe } from './observe.ts';
import type { Step } from './step.ts';

/** Likely languages that the result names. */
const ALTERNATIVES = 3;

/** Detects the language of a text by its beginning. */
export function language(): Step {
  let sample = '';
  return {
    through: (pieces) =>
      observe(pieces, (piece) => {
        if (sample.length < LANGUAGE_SAMPLE) sample = (sample + piece).slice(0, LANGUAGE_SAMPLE);
      }),
    async entry() {
      // 2 MB of frequencies: only for those who ask.
      const { eld } = await import('eld/medium');
      const detected = eld.detect(sample);
      const scores = Object.entries(detected.getScores()).sort(([, one], [, other]) => other - one);
      return {
        language: detected.language === '' ? null : detected.language,
        confidence: rounded(scores[0]?.[1] ?? 0),
        is_reliable: detected.isReliable(),
        candidates: scores
          .slice(0, ALTERNATIVES)
          .map(([name, score]) => ({ language: name, score: rounded(score) })),
      };
    },
  };
}

const rounded = (score: number) => Math.round(score * 1000) / 1000;
