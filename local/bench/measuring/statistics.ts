/** Returns the middle value; for an even number of values, the mean of the two middle ones. NaN for an empty list. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/**
 * Returns the smallest value that at least `share` of the values do not exceed (nearest rank). It is always a measured
 * value.
 *
 * @param share above 0, up to 1
 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** Summary of many measured times, in the unit of the times. */
export interface Distribution {
  readonly samples: number;
  readonly min: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export function distribution(values: readonly number[]): Distribution {
  const at = (share: number) => percentile(values, share);
  return { samples: values.length, min: at(0), p50: at(0.5), p99: at(0.99), max: at(1) };
}

/**
 * Returns the medians of p50 and p99 over several rounds, the smallest `min`, the largest `max`, and the total of
 * samples.
 */
export function medianDistribution(rounds: readonly Distribution[]): Distribution {
  const of = (figure: keyof Distribution) => median(rounds.map((round) => round[figure]));
  return {
    samples: rounds.reduce((sum, round) => sum + round.samples, 0),
    min: Math.min(...rounds.map((round) => round.min)),
    p50: of('p50'),
    p99: of('p99'),
    max: Math.max(...rounds.map((round) => round.max)),
  };
}
