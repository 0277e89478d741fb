import type { MetricName } from '../../metrics.ts';
import type { Outcome } from '../trace.ts';

/** What a tick counts as. */
export const FETCH_METRICS: Record<Outcome, readonly MetricName[]> = {
  stored: ['PriceFetchesSucceeded'],
  nothing_watched: ['PriceFetchesSucceeded'],
  partial: ['PriceFetchesSucceeded', 'PriceFetchesPartial'],
  failed: ['PriceFetchesFailed'],
};
