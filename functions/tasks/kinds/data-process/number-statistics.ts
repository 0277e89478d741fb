/** Statistics of numbers. A value beyond the range of a double is null, because JSON has no infinity. */
export type NumberStatistics = {
  readonly min: number;
  readonly max: number;
  /** Compensated sum (Neumaier). The order of the rows changes at most its last digit. */
  readonly sum: number | null;
  readonly mean: number;
  /** Standard deviation of the sample: √(Σ(x − mean)² / (n − 1)); null for fewer than two values. */
  readonly standard_deviation: number | null;
  /** Quartiles by linear interpolation between the closest ranks, at (n − 1)·p: type 7 of Hyndman and Fan, `percentile_cont`. */
  readonly lower_quartile: number;
  readonly median: number;
  readonly upper_quartile: number;
};

/** @param values at least one, all finite */
export function numberStatistics(values: readonly number[]): NumberStatistics {
  // A typed array sorts by value and needs no comparison function.
  const sorted = Float64Array.from(values).sort();
  const { min, max, sum, mean } = sumStatistics(values);
  return {
    min,
    max,
    sum,
    mean,
    standard_deviation: deviation(values, mean),
    lower_quartile: quantile(sorted, 0.25),
    median: quantile(sorted, 0.5),
    upper_quartile: quantile(sorted, 0.75),
  };
}

/** Returns the statistics that need no sorted values. @param values at least one, all finite */
export function sumStatistics(
  values: readonly number[],
): Pick<NumberStatistics, 'min' | 'max' | 'sum' | 'mean'> {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  const sum = finite(compensatedSum(values));
  const mean = sum === null ? meanOfLarge(values) : sum / values.length;
  // Rounding may put the mean of equal values outside [min, max], even beyond doubles. Adding 0 turns −0 into 0.
  return { min: min + 0, max: max + 0, sum, mean: Math.min(Math.max(mean, min), max) + 0 };
}

/**
 * Returns the mean of values whose sum is beyond doubles. The values are scaled by a power of two, which rounds nothing
 * significant.
 */
function meanOfLarge(values: readonly number[]): number {
  const scale = 2 ** Math.ceil(Math.log2(values.length));
  return (compensatedSum(values.map((value) => value / scale)) / values.length) * scale;
}

/** @see https://en.wikipedia.org/wiki/Kahan_summation_algorithm#Further_enhancements */
export function compensatedSum(values: Iterable<number>): number {
  let sum = 0;
  let lost = 0;
  for (const value of values) {
    const next = sum + value;
    lost += Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum;
    sum = next;
  }
  return sum + lost;
}

/** Computed in two passes and scaled by the largest deviation, so that the squares neither cancel nor overflow. */
function deviation(values: readonly number[], mean: number): number | null {
  if (values.length < 2) return null;
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value - mean)), 0);
  if (largest === 0) return 0;
  const scaled = values.map((value) => (value - mean) / largest);
  // Subtract the part of the squares that comes from the rounding of the mean.
  const correction = compensatedSum(scaled) ** 2 / values.length;
  const squares = compensatedSum(scaled.map((value) => value * value));
  return finite(largest * Math.sqrt(Math.max(0, squares - correction) / (values.length - 1)));
}

function quantile(sorted: Float64Array, p: number): number {
  const rank = (sorted.length - 1) * p;
  const below = sorted[Math.floor(rank)] ?? Number.NaN;
  const above = sorted[Math.ceil(rank)] ?? Number.NaN;
  const share = rank - Math.floor(rank);
  const distance = above - below;
  // Interpolates with the distance. The distance grows with the share, so quartiles keep their order, also between neighbours.
  // Where the distance overflows, the two values are weighted instead.
  return Number.isFinite(distance)
    ? Math.min(below + distance * share, above) + 0
    : below * (1 - share) + above * share;
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
