import * as z from 'zod';
import { ALARMED_METRICS, type MetricName, type Metrics, metrics, NO_METRICS } from '../../metrics.ts';
import type { commonEnv, EnvOf } from './environment.ts';

/** Selects the published metrics. CloudWatch reads the metrics from the log. */
export const metricsEnv = { METRICS: z.enum(['all', 'alarmed', 'none']) };

/**
 * Returns metrics that are written directly to standard output: Lambda's runtime would wrap each line that goes through
 * the console.
 */
export function metricsOf({ METRICS, STAGE }: EnvOf<typeof metricsEnv & typeof commonEnv>): Metrics {
  if (METRICS === 'none') return NO_METRICS;
  const published = (metric: MetricName) => METRICS === 'all' || ALARMED_METRICS.includes(metric);
  return metrics((line) => process.stdout.write(line), STAGE, { published });
}
