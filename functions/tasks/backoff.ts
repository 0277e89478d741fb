import type { RetryPolicy } from './task.ts';

/** Of a policy, what says when. */
export type Backoff = Pick<RetryPolicy, 'base' | 'factor' | 'cap' | 'jitter'>;

/**
 * Delay before the next attempt: exponential up to a cap, with full jitter or none.
 *
 * With base 2, factor 2 and cap 600 the bounds are 4, 8, 16, 32 … 512, 600, 600 seconds. Full jitter draws from the
 * whole of [0, bound), so that what failed together does not come back together; without, the bound is the delay.
 *
 * @param attempt attempts already made, ≥ 1
 * @param random  uniform in [0, 1)
 * @returns seconds: min(cap, base · factor^attempt), times `random` with full jitter
 * @see https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
 */
export function backoffSeconds(
  attempt: number,
  { base, factor, cap, jitter }: Backoff,
  random: () => number = Math.random,
): number {
  // 2^1024 is Infinity, which min() takes as it should.
  const bound = Math.min(cap, base * factor ** attempt);
  return jitter === 'none' ? bound : bound * random();
}

/** No retry of a task that reaches the network waits longer than this on account of the shortest delay. */
const LONGEST_SHORTEST_SECONDS = 30;

/**
 * The shortest delay before the next attempt of a task that reaches the network, whatever its policy says: 1, 2, 4, 8, 16, 30, 30 …
 * seconds. Somebody else's server must not get a hundred requests a second because one caller asked for a backoff of 0.
 *
 * @param attempt attempts already made, ≥ 1
 */
export function shortestDelaySeconds(attempt: number): number {
  return Math.min(LONGEST_SHORTEST_SECONDS, 2 ** (attempt - 1));
}

/** A kind's policy with what the task says otherwise. Errors that either of them never retries are not retried. */
export function policyOf(kind: RetryPolicy, own: Partial<RetryPolicy> | null): RetryPolicy {
  return { ...kind, ...own, neverRetry: [...kind.neverRetry, ...(own?.neverRetry ?? [])] };
}
