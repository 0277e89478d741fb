import type { MetricName } from '../../metrics.ts';
import type { Outcome } from '../trace.ts';

/** The metrics that each outcome of a tick counts for. */
export const FETCH_METRICS: Record<Outcome, readonly MetricName[]> = {
  stored: ['PriceFetchesSucceeded'],
  nothing_watched: ['PriceFetchesSucceeded'],
  partial: ['PriceFetchesSucceeded', 'PriceFetchesPartial'],
  failed: ['PriceFetchesFailed'],
};
