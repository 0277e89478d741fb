import type { Duration } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { Stage } from './stages.ts';

/** The metrics of `functions/metrics.ts`. Alarms and the dashboard use them, and each of them costs money. */
export const METRIC_NAMES = [
  'TasksCreated',
  'TasksCompleted',
  'TasksFailed',
  'TasksRetried',
  'TasksCancelled',
  'TasksRescued',
  'InteractiveStartLateness',
  'BulkStartLateness',
  'WakeUpsSent',
  'WakeUpsUnsent',
  'LargestTableBytes',
  'RetentionOverdueSeconds',
  'PriceFetchesSucceeded',
  'PriceFetchesPartial',
  'PriceFetchesFailed',
  'PricesStored',
] as const;

export type MetricName = (typeof METRIC_NAMES)[number];

/** The metrics that alarms use. A stage may publish only these, to save money. */
export const ALARMED_NAMES = [
  'InteractiveStartLateness',
  'WakeUpsUnsent',
  'LargestTableBytes',
  'RetentionOverdueSeconds',
  'PriceFetchesSucceeded',
] as const satisfies readonly MetricName[];

/** The metrics that a stage publishes. */
export const PUBLISHED_METRICS: Readonly<Record<Stage['observability']['metrics'], readonly MetricName[]>> = {
  all: METRIC_NAMES,
  alarmed: ALARMED_NAMES,
  none: [],
};

/** Returns a metric that the functions write to their logs. */
export function metric(
  stage: Stage,
  metricName: MetricName,
  { statistic, period, label }: { statistic: string; period: Duration; label?: string },
): Metric {
  return new Metric({
    namespace: 'Celeriac',
    metricName,
    dimensionsMap: { Stage: stage.name },
    statistic,
    period,
    ...(label !== undefined && { label }),
  });
}
