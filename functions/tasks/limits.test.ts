import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LONGEST_LIMIT_SECONDS } from './define-task.ts';
import { limitsOf } from './limits.ts';

const KIND = { softSeconds: 45, hardSeconds: 60 };

test('a task has its own limits, or its kind has', () => {
  expect(limitsOf(KIND, { softSeconds: null, hardSeconds: null })).toEqual(KIND);
  const own = { softSeconds: 100, hardSeconds: 200 };
  expect(limitsOf(KIND, own)).toEqual(own);
  // Equal limits would leave no time to stop.
  expect(limitsOf(KIND, { softSeconds: 50, hardSeconds: 50 })).toEqual({ softSeconds: 45, hardSeconds: 50 });
});

test('for any mixture of limits, a handler has time to stop, and the hard limit is at most 14 minutes', () => {
  const seconds = fc.option(fc.double({ min: 0.001, max: 2_000, noNaN: true }));
  fc.assert(
    fc.property(seconds, seconds, (softSeconds, hardSeconds) => {
      const limits = limitsOf(KIND, { softSeconds, hardSeconds });
      expect(limits.softSeconds).toBeGreaterThan(0);
      expect(limits.hardSeconds).toBeGreaterThan(limits.softSeconds);
      expect(limits.hardSeconds).toBeLessThanOrEqual(LONGEST_LIMIT_SECONDS);
    }),
  );
});
