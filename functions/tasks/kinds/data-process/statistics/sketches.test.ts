import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Cell } from '../table/cell.ts';
import { DISTINCT_ERROR, DistinctSketch } from './distinct-sketch.ts';
import { estimatedQuartiles, RANK_ERROR } from './quantiles.ts';
import { RankSketch } from './rank-sketch.ts';
import { COUNT_ERROR, COUNTED_VALUES, ValueCounts } from './value-counts.ts';

/** Shapes of columns: each gives the number at an index. */
const SHAPES: Readonly<Record<string, (at: number, many: number) => number>> = {
  ascending: (at) => at,
  descending: (at) => -at,
  scattered: (at, many) => (at * 7_919 + 13) % many,
  'from outside in': (at, many) => (at % 2 === 0 ? at : many - at),
  'with few values': (at) => at % 7,
  'with one value in half of the rows': (at) => (at % 2 === 0 ? 5 : at / 3),
  'over the whole range of doubles': (at) => (at % 2 === 0 ? 1 : -1) * 10 ** ((at % 600) - 300),
};

/** Ranks that a number has among sorted numbers, from 0. */
function ranksOf(sorted: Float64Array, number: number): [lowest: number, highest: number] {
  return [sorted.indexOf(number), sorted.lastIndexOf(number)];
}

describe('the rank of an estimated quantile is within the bound', () => {
  for (const [name, numberAt] of Object.entries(SHAPES)) {
    test(`of numbers ${name}, however many`, () => {
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 60_000 }), (many) => {
          const numbers = Float64Array.from({ length: many }, (_, at) => numberAt(at, many));
          const sketch = new RankSketch(RANK_ERROR);
          for (const number of numbers) sketch.add(number);
          const sorted = numbers.toSorted();
          for (const share of [0, 0.01, 0.25, 0.5, 0.75, 0.99, 1]) {
            const rank = Math.round((many - 1) * share);
            const [lowest, highest] = ranksOf(sorted, sketch.valueAt(rank));
            expect(lowest).toBeGreaterThanOrEqual(0);
            expect(rank - highest).toBeLessThanOrEqual(RANK_ERROR * many);
            expect(lowest - rank).toBeLessThanOrEqual(RANK_ERROR * many);
          }
        }),
        { numRuns: 12 },
      );
    });
  }

  test('of any numbers, and it is exact while they are few', () => {
    const numbers = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), {
      minLength: 1,
      maxLength: 400,
    });
    fc.assert(
      fc.property(numbers, (given) => {
        const sketch = new RankSketch(RANK_ERROR);
        for (const number of given) sketch.add(number);
        const sorted = Float64Array.from(given).sort();
        for (const [rank, number] of sorted.entries()) expect(sketch.valueAt(rank)).toBe(number);
      }),
    );
  });

  test('and little is kept of a million numbers', () => {
    const sketch = new RankSketch(RANK_ERROR);
    for (let at = 0; at < 1_000_000; at += 1) sketch.add((at * 7_919) % 1_000_003);
    sketch.valueAt(0);
    expect(sketch.size).toBeLessThan(5_000);
  });

  test('in order for the quartiles of a column', () => {
    const finder = estimatedQuartiles();
    for (let at = 0; at < 100_000; at += 1) finder.add(at % 1_000);
    const { lower_quartile, median, upper_quartile } = finder.quartiles;
    expect([lower_quartile, median, upper_quartile].map((value) => Math.round(value / 10))).toEqual([
      25, 50, 75,
    ]);
  });
});

describe('the estimated number of different values', () => {
  const VALUES: Readonly<Record<string, (at: number) => Cell>> = {
    'whole numbers': (at) => at,
    fractions: (at) => at / 7,
    texts: (at) => `name ${at}`,
    'texts of digits': (at) => String(at).padStart(12, '0'),
    'long texts': (at) => `${'x'.repeat(300)}${at}`,
  };
  for (const [name, valueAt] of Object.entries(VALUES)) {
    test.each([1, 100, 2_000, 30_000, 300_000])(`of %i ${name} is within three standard errors`, (many) => {
      const sketch = new DistinctSketch();
      for (let at = 0; at < many; at += 1) sketch.add(valueAt(at));
      for (let at = 0; at < Math.min(many, 1_000); at += 1) sketch.add(valueAt(at));
      expect(Math.abs(sketch.estimate - many)).toBeLessThanOrEqual(Math.max(1, 3 * DISTINCT_ERROR * many));
    });
  }

  test('counts a number and the text that shows it apart, and 0 and −0 together', () => {
    const sketch = new DistinctSketch();
    for (const value of [1, '1', true, 'true', 0, -0, '']) sketch.add(value);
    expect(sketch.estimate).toBe(6);
  });
});

describe('the counts of values', () => {
  /** A column of texts in which a few are frequent. */
  const column = fc
    .record({ seed: fc.integer({ min: 1, max: 1e6 }), many: fc.integer({ min: 1, max: 30_000 }) })
    .map(({ seed, many }) =>
      Array.from({ length: many }, (_, at) => {
        const random = (at * 48_271 + seed * 16_807) % 2_147_483_647;
        return random % 3 === 0 ? `often ${random % 11}` : `seldom ${random}`;
      }),
    );

  test('are never too large, and too small by at most the bound', () => {
    fc.assert(
      fc.property(column, (values) => {
        const counts = new ValueCounts(COUNTED_VALUES);
        const exact = new ValueCounts();
        for (const value of values) {
          counts.add(value);
          exact.add(value);
        }
        const right = new Map(
          exact.mostFrequent(Number.POSITIVE_INFINITY).map((each) => [each.value, each.count]),
        );
        const found = counts.mostFrequent(Number.POSITIVE_INFINITY);
        for (const { value, count } of found) {
          expect(count).toBeLessThanOrEqual(right.get(value) ?? 0);
          expect((right.get(value) ?? 0) - count).toBeLessThanOrEqual(COUNT_ERROR * values.length);
        }
        // Whatever is more frequent than twice the error is certain, and so it is found.
        for (const [value, count] of right)
          if (count > 2 * COUNT_ERROR * values.length)
            expect(found.map((each) => each.value)).toContain(value);
      }),
      { numRuns: 20 },
    );
  });

  test('are exact up to the limit of different values', () => {
    const counts = new ValueCounts(COUNTED_VALUES);
    for (let at = 0; at < 3 * COUNTED_VALUES; at += 1) counts.add(`value ${at % COUNTED_VALUES}`);
    expect([counts.isExact, counts.distinct]).toEqual([true, COUNTED_VALUES]);
    expect(counts.mostFrequent(1)).toEqual([{ value: 'value 0', count: 3 }]);
    counts.add('one more');
    expect(counts.isExact).toBe(false);
    expect(Math.abs(counts.distinct - COUNTED_VALUES - 1)).toBeLessThan(3 * DISTINCT_ERROR * COUNTED_VALUES);
  });

  test('tell long texts apart that begin alike', () => {
    const counts = new ValueCounts();
    const alike = 'x'.repeat(1_000);
    for (const value of [`${alike}1`, `${alike}2`, `${alike}1`]) counts.add(value);
    expect([counts.distinct, counts.mostFrequent(2).map(({ count }) => count)]).toEqual([2, [2, 1]]);
  });

  test('list nothing of a column without repetitions', () => {
    const counts = new ValueCounts(COUNTED_VALUES);
    for (let at = 0; at < 20_000; at += 1) counts.add(`value ${at}`);
    expect(counts.mostFrequent(5)).toEqual([]);
  });
});
