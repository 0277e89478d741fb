import { RankSketch } from './rank-sketch.ts';

/** Largest error of the rank of an estimated quartile, as a share of all numbers. */
export const RANK_ERROR = 0.001;

/** Quartiles by linear interpolation between the closest ranks, at (n − 1)·p: type 7 of Hyndman and Fan, `percentile_cont`. */
export type Quartiles = {
  readonly lower_quartile: number;
  readonly median: number;
  readonly upper_quartile: number;
};

/** Finds quartiles of numbers that come one by one. Call `quartiles` after at least one number. */
export interface QuartileFinder {
  add(value: number): void;
  readonly quartiles: Quartiles;
}

/** @param count how many numbers will come */
export function exactQuartiles(count: number): QuartileFinder {
  const values = new Float64Array(count);
  let next = 0;
  return {
    add(value) {
      values[next] = value;
      next += 1;
    },
    get quartiles() {
      // A typed array sorts by value and needs no comparison function.
      const sorted = values.subarray(0, next).sort();
      return quartilesBy((p) => interpolated(sorted, p));
    },
  };
}

/** Quartiles as numbers of the data, without interpolation, whose ranks are within `RANK_ERROR` of the right ones. */
export function estimatedQuartiles(): QuartileFinder {
  const sketch = new RankSketch(RANK_ERROR);
  let count = 0;
  return {
    add(value) {
      count += 1;
      sketch.add(value);
    },
    get quartiles() {
      return quartilesBy((p) => sketch.valueAt(Math.round((count - 1) * p)) + 0);
    },
  };
}

function quartilesBy(quantile: (p: number) => number): Quartiles {
  return { lower_quartile: quantile(0.25), median: quantile(0.5), upper_quartile: quantile(0.75) };
}

function interpolated(sorted: Float64Array, p: number): number {
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
