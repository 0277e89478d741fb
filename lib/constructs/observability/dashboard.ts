import { Aws, CfnMapping, Duration } from 'aws-cdk-lib';
import {
  type Alarm,
  AlarmStatusWidget,
  Dashboard as CloudWatchDashboard,
  GraphWidget,
  type IMetric,
  type MetricOptions,
  TextWidget,
} from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import { type MetricName, metric, PUBLISHED_METRICS } from '../../metrics.ts';
import type { Watched } from './alarm-table.ts';

const period = Duration.minutes(1);
const sum: MetricOptions = { statistic: 'Sum', period };
const max: MetricOptions = { statistic: 'Maximum', period };

/**
 * Shows if the system is well, and if not, where the problem is: first all alarms, then the traffic in the order of a
 * task's way.
 */
export class Dashboard extends Construct {
  /** URL of the dashboard for a person who is logged in to the AWS console. */
  readonly url: string;

  constructor(
    scope: Construct,
    id: string,
    { watched, alarms }: { watched: Watched; alarms: readonly Alarm[] },
  ) {
    super(scope, id);
    const { stage } = watched;
    // Dashboards belong to the account, unlike their content, which belongs to a region.
    const dashboardName = `celeriac-${stage.name}-${Aws.REGION}`;
    const dashboard = new CloudWatchDashboard(this, 'Dashboard', { dashboardName });
    this.url = `https://${consoleHost(this)}/cloudwatch/home?region=${Aws.REGION}#dashboards/dashboard/${dashboardName}`;
    dashboard.addWidgets(
      new AlarmStatusWidget({ title: 'Is it well?', alarms: [...alarms], width: 24, height: 4 }),
    );
    dashboard.addWidgets(
      new TextWidget({
        markdown: '# If not, where? From left to right and down, as a task travels',
        width: 24,
        height: 1,
      }),
    );
    for (const row of rowsOf(watched).map(drawable)) {
      if (row.length === 0) continue;
      dashboard.addWidgets(
        ...row.map(
          ([title, left, right]) =>
            new GraphWidget({
              title,
              left,
              right: right ?? [],
              width: 24 / row.length,
              height: 6,
              leftYAxis: { min: 0 },
            }),
        ),
      );
    }
  }
}

/** Returns the host of the AWS console. No pseudo parameter of CloudFormation contains it. */
function consoleHost(scope: Construct): string {
  const hosts = new CfnMapping(scope, 'Console', {
    mapping: {
      aws: { host: 'console.aws.amazon.com' },
      'aws-cn': { host: 'console.amazonaws.cn' },
      'aws-us-gov': { host: 'console.amazonaws-us-gov.com' },
    },
  });
  return hosts.findInMap(Aws.PARTITION, 'host');
}

/** Title, metrics of the left axis, metrics of the right axis. */
type Graph = readonly [title: string, left: IMetric[], right?: IMetric[]];

/** Returns the graphs that have metrics. A graph has none when the stage does not publish its metrics. */
const drawable = (row: readonly Graph[]) => row.filter(([, left]) => left.length > 0);

function rowsOf({ stage, http, sockets, queues, database, functions }: Watched): Graph[][] {
  const published = PUBLISHED_METRICS[stage.observability.metrics];
  const counts = (...names: MetricName[]) =>
    names
      .filter((name) => published.includes(name))
      .map((name) => metric(stage, name, { statistic: 'Sum', period }));
  const greatest = (name: MetricName) =>
    published.includes(name) ? [metric(stage, name, { statistic: 'Maximum', period })] : [];
  const lateness = (...names: MetricName[]) =>
    names
      .filter((name) => published.includes(name))
      .flatMap((name) =>
        ['p50', 'p99'].map((statistic) =>
          metric(stage, name, { statistic, period, label: `${name} ${statistic}` }),
        ),
      );
  const each = (of: (fn: (typeof functions)[keyof typeof functions]) => IMetric) =>
    Object.values(functions).map(of);
  const { interactive, bulk, deadLetters } = queues;
  return [
    [
      [
        'Requests (right: milliseconds)',
        [http.requests(sum), http.serverErrors(sum)],
        [http.latency({ statistic: 'p50', period }), http.latency({ statistic: 'p99', period })],
      ],
      ['WebSocket', [sockets.connections(sum), sockets.refusals(sum), sockets.executionErrors(sum)]],
    ],
    [
      [
        'Tasks',
        counts(
          'TasksCreated',
          'TasksCompleted',
          'TasksFailed',
          'TasksRetried',
          'TasksCancelled',
          'TasksRescued',
        ),
      ],
      ['Lateness of starts, milliseconds', lateness('InteractiveStartLateness', 'BulkStartLateness')],
    ],
    [
      [
        'Messages waiting (right: age of the oldest, seconds)',
        [interactive, bulk, deadLetters].map((queue) => queue.metricApproximateNumberOfMessagesVisible(max)),
        [interactive, bulk].map((queue) => queue.metricApproximateAgeOfOldestMessage(max)),
      ],
      [
        'Dispatcher',
        [...counts('WakeUpsSent', 'WakeUpsUnsent'), functions.dispatcher.metricInvocations(sum)],
      ],
      [
        'Prices',
        counts('PriceFetchesSucceeded', 'PriceFetchesPartial', 'PriceFetchesFailed', 'PricesStored'),
      ],
    ],
    [
      ['Errors of functions', each((fn) => fn.metricErrors(sum))],
      ['Sandboxes at once', each((fn) => fn.metric('ConcurrentExecutions', max))],
      ['Throttled', each((fn) => fn.metricThrottles(sum))],
    ],
    [
      ['Database: capacity taken, per cent', [database.utilization({ statistic: 'Maximum', period })]],
      ['Database: connections', [database.openConnections(max)]],
      ['Database: transaction ids used', [database.transactionAge(max)]],
      [
        'Database: largest table, bytes (right: seconds that removal is late)',
        greatest('LargestTableBytes'),
        greatest('RetentionOverdueSeconds'),
      ],
    ],
  ];
}
