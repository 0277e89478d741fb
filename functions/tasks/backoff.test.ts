import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backoffSeconds, policyOf, shortestDelaySeconds } from './backoff.ts';
import type { RetryPolicy } from './task.ts';

const POLICY: RetryPolicy = { base: 2, factor: 2, cap: 20, jitter: 'full', neverRetry: [] };

const policies = fc.record({
  base: fc.double({ min: 0.1, max: 60, noNaN: true }),
  factor: fc.double({ min: 1, max: 10, noNaN: true }),
  cap: fc.integer({ min: 60, max: 9_000 }),
  jitter: fc.constantFrom('full' as const, 'none' as const),
});
const attempts = fc.integer({ min: 1, max: 5_000 });
const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test('a delay lies between nothing and the smaller of the cap and base · factor^attempt', () => {
  fc.assert(
    fc.property(attempts, policies, unit, (attempt, policy, random) => {
      const delay = backoffSeconds(attempt, policy, () => random);
      expect(delay).toBeGreaterThanOrEqual(0);
      expect(delay).toBeLessThanOrEqual(Math.min(policy.cap, policy.base * policy.factor ** attempt));
    }),
  );
});

test('without jitter the bound itself is the delay, and chance is not asked', () => {
  fc.assert(
    fc.property(attempts, policies, (attempt, policy) => {
      const noChance = () => expect.fail('asked for chance');
      const delay = backoffSeconds(attempt, { ...policy, jitter: 'none' }, noChance);
      expect(delay).toBe(Math.min(policy.cap, policy.base * policy.factor ** attempt));
    }),
  );
});

test('full jitter reaches every part of the range in the proportion of chance', () => {
  fc.assert(
    fc.property(attempts, policies, unit, (attempt, policy, random) => {
      const whole = backoffSeconds(attempt, { ...policy, jitter: 'none' });
      expect(backoffSeconds(attempt, { ...policy, jitter: 'full' }, () => random)).toBe(whole * random);
    }),
  );
});

test('a further attempt never waits for less, at the same chance', () => {
  fc.assert(
    fc.property(attempts, policies, unit, (attempt, policy, random) => {
      const delay = (made: number) => backoffSeconds(made, policy, () => random);
      expect(delay(attempt + 1)).toBeGreaterThanOrEqual(delay(attempt));
    }),
  );
});

test('the bound grows by the factor with every attempt until the cap', () => {
  const bounds = (factor: number) =>
    [1, 2, 3, 4, 5].map((attempt) => backoffSeconds(attempt, { ...POLICY, factor }, () => 1));
  expect(bounds(2)).toEqual([4, 8, 16, 20, 20]);
  expect(bounds(3)).toEqual([6, 18, 20, 20, 20]);
  expect(bounds(1)).toEqual([2, 2, 2, 2, 2]);
});

test('the retry policy of a task overrides that of its kind', () => {
  const kind = { ...POLICY, neverRetry: ['a'] };
  expect(policyOf(kind, null)).toEqual(kind);
  expect(policyOf(kind, { factor: 5, jitter: 'none' })).toEqual({ ...kind, factor: 5, jitter: 'none' });
});

test('errors that either the kind or the task never retries are not retried', () => {
  const { neverRetry } = policyOf({ ...POLICY, neverRetry: ['a'] }, { neverRetry: ['b'] });
  expect([...neverRetry].sort()).toEqual(['a', 'b']);
});

test('the shortest delay of a task that reaches the network grows with its attempts, up to half a minute', () => {
  const delays = [1, 2, 3, 4, 5, 6, 7, 101].map(shortestDelaySeconds);
  expect(delays).toEqual([1, 2, 4, 8, 16, 30, 30, 30]);
});
