import { type Kind, LONGEST_LIMIT_SECONDS } from './define-task.ts';

/** A task's own limits; null means its kind's. */
export type OwnLimits = { readonly softSeconds: number | null; readonly hardSeconds: number | null };

/** Of the hard limit: what a soft limit is cut to that would leave a handler no time to stop. */
const LONGEST_SOFT_SHARE = 0.9;

/**
 * The limits of an attempt: the task's own where it has any, else its kind's. However the two are mixed, 0 < soft < hard
 * ≤ 14 minutes; and the hard limit depends on no soft one, so that the row and the kind's name tell it.
 */
export function limitsOf(
  kind: Pick<Kind, 'softSeconds' | 'hardSeconds'>,
  own: OwnLimits,
): { softSeconds: number; hardSeconds: number } {
  const hardSeconds = Math.min(own.hardSeconds ?? kind.hardSeconds, LONGEST_LIMIT_SECONDS);
  const softSeconds = own.softSeconds ?? kind.softSeconds;
  return {
    hardSeconds,
    softSeconds: softSeconds < hardSeconds ? softSeconds : hardSeconds * LONGEST_SOFT_SHARE,
  };
}
