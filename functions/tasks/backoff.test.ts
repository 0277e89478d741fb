import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backoffSeconds } from './backoff.ts';

test('a delay lies between nothing and the smaller of the cap and base · 2^attempt', () => {
  const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5_000 }),
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 60, max: 9_000 }),
      unit,
      (attempt, base, cap, random) => {
        const delay = backoffSeconds(attempt, { base, cap }, () => random);
        expect(delay).toBeGreaterThanOrEqual(0);
        expect(delay).toBeLessThanOrEqual(Math.min(cap, base * 2 ** attempt));
      },
    ),
  );
});

test('the bound doubles with every attempt until the cap', () => {
  const bounds = [1, 2, 3, 4, 5].map((attempt) => backoffSeconds(attempt, { base: 2, cap: 20 }, () => 1));
  expect(bounds).toEqual([4, 8, 16, 20, 20]);
});
