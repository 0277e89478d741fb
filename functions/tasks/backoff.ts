import type { RetryPolicy } from './task.ts';

/** Timing fields of a retry policy. */
export type Backoff = Pick<RetryPolicy, 'base' | 'factor' | 'cap' | 'jitter'>;

/**
 * Returns the delay before the next attempt: exponential up to a cap, with full jitter or none.
 *
 * With base 2, factor 2 and cap 600 the bounds are 4, 8, 16, 32 … 512, 600, 600 seconds. Full jitter draws from the whole of [0,
 * bound), so that tasks that failed together do not come back together. Without jitter, the bound is the delay.
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
  // 2^1024 is Infinity, and min() handles Infinity correctly.
  const bound = Math.min(cap, base * factor ** attempt);
  return jitter === 'none' ? bound : bound * random();
}

/** Upper bound in seconds of `shortestDelaySeconds`. */
const LONGEST_SHORTEST_SECONDS = 30;

/**
 * Returns the shortest delay before the next attempt of a task that reaches the network, whatever its policy is: 1, 2, 4, 8, 16,
 * 30, 30 … seconds. It protects somebody else's server from a hundred requests a second when one caller asks for a backoff of 0.
 *
 * @param attempt attempts already made, ≥ 1
 */
export function shortestDelaySeconds(attempt: number): number {
  return Math.min(LONGEST_SHORTEST_SECONDS, 2 ** (attempt - 1));
}

/**
 * Returns a kind's policy with the task's own settings over it. `neverRetry` joins both lists: an error in either list is not
 * retried.
 */
export function policyOf(kind: RetryPolicy, own: Partial<RetryPolicy> | null): RetryPolicy {
  return { ...kind, ...own, neverRetry: [...kind.neverRetry, ...(own?.neverRetry ?? [])] };
}
