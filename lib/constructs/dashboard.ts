import { Aws, Duration } from 'aws-cdk-lib';
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
import type { Watched } from '../alarm-table.ts';
import { type FigureName, figure } from '../figures.ts';

const period = Duration.minutes(1);
const sum: MetricOptions = { statistic: 'Sum', period };
const max: MetricOptions = { statistic: 'Maximum', period };

/** Answers "is it well, and if not, where": every alarm first, then what travels, in the order in which a task does. */
export class Dashboard extends Construct {
  /** Where a person looks at it, once logged in to the console. */
  readonly url: string;

  constructor(
    scope: Construct,
    id: string,
    { watched, alarms }: { watched: Watched; alarms: readonly Alarm[] },
  ) {
    super(scope, id);
    const { stage } = watched;
    const dashboardName = `celeriac-${stage.name}`;
    const dashboard = new CloudWatchDashboard(this, 'Dashboard', { dashboardName });
    this.url = `https://${Aws.REGION}.console.aws.amazon.com/cloudwatch/home?region=${Aws.REGION}#dashboards/dashboard/${dashboardName}`;
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

/** Title, what is drawn to the left axis, and to the right. */
type Graph = readonly [title: string, left: IMetric[], right?: IMetric[]];

/** Without the graphs that have nothing to draw, as the stage publishes no figures. */
const drawable = (row: readonly Graph[]) => row.filter(([, left]) => left.length > 0);

function rowsOf({ stage, http, sockets, queues, database, functions }: Watched): Graph[][] {
  const ofFigures = (...metrics: IMetric[]) => (stage.observability.figures ? metrics : []);
  const count = (name: FigureName) => figure(stage, name, { statistic: 'Sum', period });
  const late = (name: FigureName, statistic: string) =>
    figure(stage, name, { statistic, period, label: `${name} ${statistic}` });
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
      ['WebSocket', [sockets.connections(sum), sockets.integrationErrors(sum)]],
    ],
    [
      [
        'Tasks',
        ofFigures(
          count('TasksCreated'),
          count('TasksCompleted'),
          count('TasksFailed'),
          count('TasksRetried'),
          count('TasksCancelled'),
          count('TasksRescued'),
        ),
      ],
      [
        'Lateness of starts, milliseconds',
        ofFigures(
          late('InteractiveStartLateness', 'p50'),
          late('InteractiveStartLateness', 'p99'),
          late('BulkStartLateness', 'p50'),
          late('BulkStartLateness', 'p99'),
        ),
      ],
    ],
    [
      [
        'Messages waiting (right: age of the oldest, seconds)',
        [interactive, bulk, deadLetters].map((queue) => queue.metricApproximateNumberOfMessagesVisible(max)),
        [interactive, bulk].map((queue) => queue.metricApproximateAgeOfOldestMessage(max)),
      ],
      [
        'Dispatcher',
        [
          ...ofFigures(count('WakeUpsSent'), count('WakeUpsUnsent')),
          functions.dispatcher.metricInvocations(sum),
        ],
      ],
      [
        'Prices',
        ofFigures(
          count('PriceFetchesSucceeded'),
          count('PriceFetchesPartial'),
          count('PriceFetchesFailed'),
          count('PricesStored'),
        ),
      ],
    ],
    [
      ['Errors of functions', each((fn) => fn.metricErrors(sum))],
      ['Sandboxes at once', each((fn) => fn.metric('ConcurrentExecutions', max))],
      ['Throttled', each((fn) => fn.metricThrottles(sum))],
    ],
    [
      ['Database: capacity taken, per cent', [database.utilization({ statistic: 'Maximum', period })]],
      ['Database: connections', [database.connections(max)]],
    ],
  ];
}
