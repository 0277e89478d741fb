/** Every metric that functions publish, with its unit. Alarms and the dashboard know them by these names. */
export const METRICS = {
  TasksCreated: 'Count',
  TasksCompleted: 'Count',
  TasksFailed: 'Count',
  /** Attempts that failed, or died with their worker, and are followed by another. */
  TasksRetried: 'Count',
  TasksCancelled: 'Count',
  /** Taken back from workers that died. */
  TasksRescued: 'Count',
  /** From the time that a task was due to its start, by the database's clock, for single tasks. */
  InteractiveStartLateness: 'Milliseconds',
  /** The same for batches, where waiting for one's turn is no trouble. */
  BulkStartLateness: 'Milliseconds',
  /** Tasks that the dispatcher sent a message for. */
  WakeUpsSent: 'Count',
  WakeUpsUnsent: 'Count',
  /** Of the largest table, with its indexes. */
  LargestTableBytes: 'Bytes',
  /** How long ago the oldest task that is still there should have been gone; 0 when retention keeps up. */
  RetentionOverdueSeconds: 'Seconds',
  /** Ticks that stored all they should, or had nothing to fetch, or stored a part. */
  PriceFetchesSucceeded: 'Count',
  PriceFetchesPartial: 'Count',
  PriceFetchesFailed: 'Count',
  PricesStored: 'Count',
} as const satisfies Record<string, 'Count' | 'Milliseconds' | 'Seconds' | 'Bytes'>;

export type MetricName = keyof typeof METRICS;

/** Those that alarms listen to, where only these are published. */
export const ALARMED_METRICS: readonly MetricName[] = [
  'InteractiveStartLateness',
  'WakeUpsUnsent',
  'LargestTableBytes',
  'RetentionOverdueSeconds',
  'PriceFetchesSucceeded',
];

/** Counts come together, everything else is kept value by value. */
export type Measure = (metric: MetricName, value: number) => void;

export type Metrics = {
  measure: Measure;
  /** Writes what was measured since the last time, in one line; nothing when nothing was. */
  flush: () => void;
};

/** Values that one metric of a line may have. */
const MAX_VALUES = 100;

/**
 * Publishes metrics by CloudWatch's embedded metric format: a line of the log, of which CloudWatch makes metrics, so
 * that no request waits for them.
 *
 * @param write receives each line, with its end
 * @param stage the only dimension: every further one multiplies what the metrics cost
 * @param published whether a metric is; each costs money
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
      // Of more than fit, the worst is what somebody may have to know of.
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
