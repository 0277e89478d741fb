import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { exactQuartiles } from './quantiles.ts';
import { Spread } from './spread.ts';
import { CompensatedSum, Sums } from './sums.ts';

function compensatedSum(values: readonly number[]): number {
  const sum = new CompensatedSum();
  for (const value of values) sum.add(value);
  return sum.value;
}

/** @param values at least one, all finite */
function numberStatistics(values: readonly number[]) {
  const sums = new Sums();
  for (const value of values) sums.add(value);
  const { statistics } = sums;
  const spread = new Spread(statistics);
  const quartiles = exactQuartiles(values.length);
  for (const value of values) {
    spread.add(value);
    quartiles.add(value);
  }
  return { ...statistics, standard_deviation: spread.standardDeviation, ...quartiles.quartiles };
}

const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
const moderate = fc.double({ noNaN: true, min: -1e12, max: 1e12 });
const some = <T>(values: fc.Arbitrary<T>) => fc.array(values, { minLength: 1, maxLength: 200 });

test('figures of a small sample, by hand', () => {
  // R: x <- c(2,4,4,4,5,5,7,9); sd(x); quantile(x)
  expect(numberStatistics([9, 2, 4, 4, 5, 4, 7, 5])).toEqual({
    min: 2,
    max: 9,
    sum: 40,
    mean: 5,
    standard_deviation: expect.closeTo(2.138089935299395, 14),
    lower_quartile: 4,
    median: 4.5,
    upper_quartile: 5.5,
  });
});

test('one value has no standard deviation, and equal values have zero', () => {
  expect(numberStatistics([3]).standard_deviation).toBeNull();
  expect(numberStatistics([0.1, 0.1, 0.1])).toMatchObject({ mean: 0.1, standard_deviation: 0 });
});

test('a small spread around a large value is not lost', () => {
  // NIST StRD NumAcc4: mean 10000000.2, standard deviation 0.1, exactly.
  const values = Array.from({ length: 1001 }, (_, i) =>
    i === 0 ? 10_000_000.2 : 10_000_000 + (i % 2 === 1 ? 0.1 : 0.3),
  );
  const { mean, standard_deviation } = numberStatistics(values);
  expect(mean).toBeCloseTo(10_000_000.2, 8);
  expect(standard_deviation).toBeCloseTo(0.1, 8);
});

test('the sum keeps what naive addition loses', () => {
  expect(compensatedSum([1, 1e100, 1, -1e100])).toBe(2);
  expect(compensatedSum(new Array(10).fill(0.1))).toBe(1);
});

test('a sum beyond doubles is null; mean and spread are still numbers', () => {
  const { sum, mean, standard_deviation } = numberStatistics([1.5e308, 1.5e308, 1.4e308]);
  expect(sum).toBeNull();
  expect(mean / 1e308).toBeCloseTo(1.4666666666666666, 12);
  expect((standard_deviation ?? 0) / 1e306).toBeCloseTo(5.773502691896258, 10);
});

test('the mean of the largest doubles is the largest double, however many there are', () => {
  for (let count = 1; count <= 200; count += 1) {
    const { MAX_VALUE } = Number;
    expect(numberStatistics(new Array(count).fill(MAX_VALUE)).mean).toBe(MAX_VALUE);
    expect(numberStatistics(new Array(count).fill(-MAX_VALUE)).mean).toBe(-MAX_VALUE);
  }
});

describe('for any numbers', () => {
  test('min ≤ quartiles ≤ max in order, the mean is between, and nothing is NaN or infinite', () => {
    fc.assert(
      fc.property(some(finite), (values) => {
        const { min, lower_quartile, median, upper_quartile, max, mean, ...rest } = numberStatistics(values);
        const inOrder = [min, lower_quartile, median, upper_quartile, max];
        expect([...inOrder].sort((a, b) => a - b)).toEqual(inOrder);
        expect(mean >= min && mean <= max).toBe(true);
        for (const figure of Object.values(rest))
          expect(figure === null || Number.isFinite(figure)).toBe(true);
      }),
    );
  });

  test('the order of the rows changes nothing but rounding', () => {
    fc.assert(
      fc.property(some(moderate), (values) => {
        const there = numberStatistics(values);
        const back = numberStatistics([...values].reverse());
        for (const [name, figure] of Object.entries(there)) {
          const other = back[name as keyof typeof back];
          expect(Math.abs(Number(figure) - Number(other))).toBeLessThanOrEqual(
            1e-9 * Math.max(1, Math.abs(Number(figure))),
          );
        }
      }),
    );
  });

  test('integers are added exactly', () => {
    fc.assert(
      fc.property(some(fc.integer()), (values) => {
        expect(numberStatistics(values).sum).toBe(
          Number(values.reduce((sum, value) => sum + BigInt(value), 0n)),
        );
      }),
    );
  });

  test('moving all values moves the mean, and leaves the spread', () => {
    fc.assert(
      fc.property(
        some(fc.integer({ min: -1000, max: 1000 })),
        fc.integer({ min: -1e6, max: 1e6 }),
        (values, by) => {
          const before = numberStatistics(values);
          const after = numberStatistics(values.map((value) => value + by));
          expect(after.mean).toBeCloseTo(before.mean + by, 6);
          expect(after.standard_deviation ?? 0).toBeCloseTo(before.standard_deviation ?? 0, 6);
        },
      ),
    );
  });
});

test('quartiles of two neighbouring doubles keep their order', () => {
  const { lower_quartile, median, upper_quartile } = numberStatistics([
    1.797693134862315e308, 1.7976931348623147e308,
  ]);
  expect([lower_quartile, median, upper_quartile].toSorted((one, other) => one - other)).toEqual([
    lower_quartile,
    median,
    upper_quartile,
  ]);
});
