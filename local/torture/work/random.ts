/** A stream of random choices that a seed repeats. */
export interface Random {
  /** Uniform in [low, high). */
  between(low: number, high: number): number;
  /** A whole number, uniform in [low, high]. */
  whole(low: number, high: number): number;
  chance(probability: number): boolean;
  /** Returns one of the items, or undefined for an empty list. */
  oneOf<T>(items: readonly T[]): T | undefined;
}

/**
 * Returns a stream of random choices. Streams with one seed and different purposes are independent: an additional
 * choice in one stream does not change the others.
 *
 * @param purpose a word
 */
export function seeded(seed: number, purpose: string): Random {
  let state = [...purpose].reduce((hash, letter) => Math.imul(hash ^ letter.charCodeAt(0), 16_777_619), seed);
  /** Mulberry32. */
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    between: (low, high) => low + next() * (high - low),
    whole: (low, high) => low + Math.floor(next() * (high - low + 1)),
    chance: (probability) => next() < probability,
    oneOf: (items) => items[Math.floor(next() * items.length)],
  };
}
