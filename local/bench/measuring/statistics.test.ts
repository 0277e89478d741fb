import { expect, test } from 'vitest';
import { distribution, median, medianDistribution, percentile } from './statistics.ts';

const HUNDRED = Array.from({ length: 100 }, (_, index) => 100 - index);

test('the median of an odd number is the one in the middle, of an even number the mean of two', () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([])).toBeNaN();
});

test('a percentile is a value that was measured, and that share of them is not above it', () => {
  expect(percentile(HUNDRED, 0.99)).toBe(99);
  expect(percentile(HUNDRED, 0.5)).toBe(50);
  expect(percentile(HUNDRED, 1)).toBe(100);
  expect(percentile([7], 0.99)).toBe(7);
  expect(percentile([1, 2], 0.99)).toBe(2);
});

test('numbers are ordered as numbers', () => {
  expect(distribution([10, 9, 100, 2])).toEqual({ samples: 4, min: 2, p50: 9, p99: 100, max: 100 });
});

test('of several rounds each figure is the median, except the extremes', () => {
  const rounds = [
    [1, 1, 1],
    [5, 6, 7],
    [2, 3, 30],
  ].map(distribution);
  expect(medianDistribution(rounds)).toEqual({ samples: 9, min: 1, p50: 3, p99: 7, max: 30 });
});
