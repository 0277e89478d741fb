import { type Kind, LONGEST_LIMIT_SECONDS } from './define-task.ts';

/** A task's own limits; null means its kind's. */
export type OwnLimits = { readonly softSeconds: number | null; readonly hardSeconds: number | null };

/** Share of the hard limit to which a soft limit is cut when it is not below the hard limit. It leaves a handler time to stop. */
const LONGEST_SOFT_SHARE = 0.9;

/**
 * Returns the limits of an attempt: the task's own limits where it has any, else its kind's. For every mix of the two, 0 < soft <
 * hard ≤ 14 minutes. The hard limit does not depend on a soft limit, so it follows from the row and the kind's name.
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
