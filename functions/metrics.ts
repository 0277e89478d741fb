/** Every metric that functions publish, with its unit. Alarms and the dashboard use these names. */
export const METRICS = {
  TasksCreated: 'Count',
  TasksCompleted: 'Count',
  TasksFailed: 'Count',
  /** Attempts that failed, or that died with their worker, and that are followed by another attempt. */
  TasksRetried: 'Count',
  TasksCancelled: 'Count',
  /** Tasks that were taken back from dead workers. */
  TasksRescued: 'Count',
  /** Time from a task's due time to its start, by the database's clock, for single tasks. */
  InteractiveStartLateness: 'Milliseconds',
  /** Like `InteractiveStartLateness`, for tasks of batches. Batches may wait for their turn. */
  BulkStartLateness: 'Milliseconds',
  /** Tasks for which the dispatcher sent a message. */
  WakeUpsSent: 'Count',
  WakeUpsUnsent: 'Count',
  /** Size of the largest table, with its indexes. */
  LargestTableBytes: 'Bytes',
  /** Age of the oldest task that should have been deleted, counted from its deletion date; 0 when retention keeps up. */
  RetentionOverdueSeconds: 'Seconds',
  /** Ticks that stored all prices, had nothing to fetch, or stored a part of the prices. */
  PriceFetchesSucceeded: 'Count',
  PriceFetchesPartial: 'Count',
  PriceFetchesFailed: 'Count',
  PricesStored: 'Count',
} as const satisfies Record<string, 'Count' | 'Milliseconds' | 'Seconds' | 'Bytes'>;

export type MetricName = keyof typeof METRICS;

/** The metrics that alarms use. Some stages publish only these. */
export const ALARMED_METRICS: readonly MetricName[] = [
  'InteractiveStartLateness',
  'WakeUpsUnsent',
  'LargestTableBytes',
  'RetentionOverdueSeconds',
  'PriceFetchesSucceeded',
];

/** Adds a value. Counts are summed; for other units, each value is kept. */
export type Measure = (metric: MetricName, value: number) => void;

export type Metrics = {
  measure: Measure;
  /** Writes all values since the last call in one line. Writes nothing when there are none. */
  flush: () => void;
};

/** Maximum values of one metric in one line. */
const MAX_VALUES = 100;

/**
 * Publishes metrics in CloudWatch's embedded metric format: CloudWatch makes metrics of a line in the log, so no request
 * waits for them.
 *
 * @param write receives each line, with its line end
 * @param stage the only dimension: each further dimension multiplies the cost of the metrics
 * @param published decides if a metric is published; each metric costs money
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
export function metrics(
  write: (line: string) => void,
  stage: string,
  {
    now = Date.now,
    published = () => true,
  }: { now?: () => number; published?: (metric: MetricName) => boolean } = {},
): Metrics {
  let measured = new Map<MetricName, number[]>();
  return {
    measure(metric, value) {
      if (!published(metric)) return;
      const values = measured.get(metric);
      if (!values) measured.set(metric, [value]);
      else if (METRICS[metric] === 'Count') values[0] = (values[0] ?? 0) + value;
      else if (values.length < MAX_VALUES) values.push(value);
      // When there are too many values, the largest is kept: it is the one that an operator may need to see.
      else values[0] = Math.max(values[0] ?? 0, value);
    },
    flush() {
      if (measured.size === 0) return;
      const entries = [...measured];
      measured = new Map();
      const metrics = entries.map(([Name]) => ({ Name, Unit: METRICS[Name] }));
      const line = {
        _aws: {
          Timestamp: now(),
          CloudWatchMetrics: [{ Namespace: 'Celeriac', Dimensions: [['Stage']], Metrics: metrics }],
        },
        Stage: stage,
        ...Object.fromEntries(
          entries.map(([name, values]) => [name, values.length > 1 ? values : values[0]]),
        ),
      };
      write(`${JSON.stringify(line)}\n`);
    },
  };
}

/** For stages without metrics. */
export const NO_METRICS: Metrics = { measure: () => {}, flush: () => {} };
