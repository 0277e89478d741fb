import type { Duration } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { Stage } from './stages.ts';

/** The figures of `functions/metrics.ts`, which alarms and the dashboard look at, and which are paid for. */
export const FIGURE_NAMES = [
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

export type FigureName = (typeof FIGURE_NAMES)[number];

/** Those that alarms listen to, which a stage may pay for alone. */
export const ALARMED_NAMES = [
  'InteractiveStartLateness',
  'WakeUpsUnsent',
  'LargestTableBytes',
  'RetentionOverdueSeconds',
  'PriceFetchesSucceeded',
] as const satisfies readonly FigureName[];

/** The figures that a stage publishes. */
export const PUBLISHED: Readonly<Record<Stage['observability']['figures'], readonly FigureName[]>> = {
  all: FIGURE_NAMES,
  alarmed: ALARMED_NAMES,
  none: [],
};

/** What the functions say of themselves, in their logs, and CloudWatch makes metrics of. */
export function figure(
  stage: Stage,
  metricName: FigureName,
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
