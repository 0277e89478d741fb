import type { Figure } from '../../metrics.ts';
import type { Outcome } from '../trace.ts';

/** What a tick counts as. */
export const FETCH_FIGURE: Record<Outcome, readonly Figure[]> = {
  stored: ['PriceFetchesSucceeded'],
  nothing_watched: ['PriceFetchesSucceeded'],
  partial: ['PriceFetchesSucceeded', 'PriceFetchesPartial'],
  failed: ['PriceFetchesFailed'],
};
