/**
 * Characters that never join with a neighbour of the same set: between two of them, a grapheme always ends (UAX #29). Latin, Greek and
 * Cyrillic letters, digits, punctuation, kana and Chinese characters. A CR is not among them, because it joins with its LF.
 */
const SIMPLE =
  '\\t\\n\\x20-\\x7e\\u00a0-\\u00a8\\u00aa-\\u00ac\\u00af-\\u02ff\\u0370-\\u0482\\u048a-\\u052f\\u2010-\\u201f\\u3041-\\u3096\\u30a1-\\u30fa\\u4e00-\\u9fff';
const OTHERS = new RegExp(`[^${SIMPLE}]+`, 'g');

/** Runs in a text from which on asking for each of them takes longer than asking for the whole text. */
const MANY_RUNS = 1_000;

/** Returns the number of graphemes of a text. Asks the segmenter, which is slow, only where neighbours may join. */
export function graphemesIn(text: string, segmenter: Intl.Segmenter): number {
  const runs = [...text.matchAll(OTHERS)];
  if (runs.length > MANY_RUNS && runs.length > text.length / 10) return segmentsIn(text, segmenter);
  let joined = 0;
  for (const { 0: run, index } of runs) {
    const near = text.slice(Math.max(0, index - 1), index + run.length + 1);
    joined += near.length - segmentsIn(near, segmenter);
  }
  return text.length - joined;
}

function segmentsIn(text: string, segmenter: Intl.Segmenter): number {
  let segments = 0;
  for (const _ of segmenter.segment(text)) segments += 1;
  return segments;
}
