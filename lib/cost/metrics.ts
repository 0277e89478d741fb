import { PUBLISHED_METRICS } from '../metrics.ts';
import type { Resource } from './inventory.ts';

export type Metric = {
  Namespace?: string;
  MetricName?: string;
  Dimensions?: { Name: string; Value: unknown }[];
};
export type Alarm = Metric & { Metrics?: { MetricStat?: { Metric: Metric } }[] };

/** Returns the metrics of an alarm. An alarm on an expression is billed by the metrics in the expression. */
export function metricsOf(alarm: Alarm): Metric[] {
  const inExpression = (alarm.Metrics ?? []).flatMap(({ MetricStat }) =>
    MetricStat ? [MetricStat.Metric] : [],
  );
  return inExpression.length > 0 ? inExpression : [alarm];
}

/** Counts the metrics of alarms and dashboards that no AWS service publishes by itself. */
export function ownMetrics(resources: readonly Resource[]): number {
  const seen = resources.flatMap(({ Type, Properties = {} }) => {
    if (Type === 'AWS::CloudWatch::Alarm') return metricsOf(Properties as Alarm).map(asRow);
    if (Type === 'AWS::CloudWatch::Dashboard') return rowsOf(Properties.DashboardBody);
    return [];
  });
  const own = seen.filter(([namespace]) => typeof namespace === 'string' && !namespace.startsWith('AWS/'));
  return new Set(own.map((row) => JSON.stringify(row))).size;
}

type Publisher = { Environment?: { Variables?: { METRICS?: keyof typeof PUBLISHED_METRICS } } };

/** Counts the metrics that functions publish. They cost money even when nobody reads them. */
export function publishedMetrics(resources: readonly Resource[]): number {
  const counts = resources.map(({ Type, Properties = {} }) => {
    const { METRICS } =
      (Type === 'AWS::Lambda::Function' && (Properties as Publisher).Environment?.Variables) || {};
    return METRICS === undefined ? 0 : PUBLISHED_METRICS[METRICS].length;
  });
  return Math.max(0, ...counts);
}

/** Namespace, name, and the names and values of the dimensions in turn, as dashboards write a metric. */
type Row = unknown[];

const asRow = ({ Namespace, MetricName, Dimensions = [] }: Metric): Row => [
  Namespace,
  MetricName,
  ...Dimensions.flatMap(({ Name, Value }) => [Name, Value]),
];

type Joined = { 'Fn::Join'?: [string, unknown[]] };
type Body = { widgets?: { properties?: { metrics?: Row[] } }[] };

/**
 * Returns the metrics of a dashboard. Values that CloudFormation inserts into its text at deployment are question marks
 * here.
 */
function rowsOf(body: unknown): Row[] {
  const [separator, pieces] = (body as Joined)?.['Fn::Join'] ?? ['', [body]];
  const text = pieces.map((piece) => (typeof piece === 'string' ? piece : '?')).join(separator);
  const { widgets = [] } = JSON.parse(text) as Body;
  return widgets.flatMap(({ properties }) => (properties?.metrics ?? []).map(withoutOptions));
}

const withoutOptions = (row: Row): Row => row.filter((part) => typeof part === 'string');
