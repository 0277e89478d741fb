/** Bounds of the delays between attempts. */
export type Backoff = {
  /** Seconds; bound of the first delay divided by two. */
  base: number;
  /** Seconds; no delay is longer. */
  cap: number;
};

/**
 * Delay before the next attempt: exponential with full jitter.
 *
 * @param attempt attempts already made, ≥ 1
 * @param random  uniform in [0, 1)
 * @returns seconds in [0, min(cap, base · 2^attempt)]
 * @see https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
 */
export function backoffSeconds(
  attempt: number,
  { base, cap }: Backoff,
  random: () => number = Math.random,
): number {
  // 2^1024 is Infinity, which min() takes as it should.
  return Math.min(cap, base * 2 ** attempt) * random();
}
