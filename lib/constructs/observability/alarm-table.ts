import { Duration } from 'aws-cdk-lib';
import { MathExpression } from 'aws-cdk-lib/aws-cloudwatch';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import type { FunctionName } from '../../functions.ts';
import { metric } from '../../metrics.ts';
import type { Stage } from '../../stages.ts';
import type { AsyncDeadLetters } from '../async-dead-letters.ts';
import type { DatabaseAccess } from '../database/database-access.ts';
import type { HttpEndpoint } from '../edge/http-api.ts';
import type { SocketEndpoint } from '../edge/websocket-api.ts';
import type { CeleriacFunction } from '../function.ts';
import type { TaskQueues } from '../task-queues.ts';
import type { AlarmSpec } from './alarms.ts';

export type Watched = {
  stage: Stage;
  http: HttpEndpoint;
  sockets: SocketEndpoint;
  queues: TaskQueues;
  undelivered: AsyncDeadLetters;
  database: DatabaseAccess;
  functions: Record<FunctionName, CeleriacFunction>;
};

const period = Duration.minutes(5);

/**
 * Age in seconds of a queue's oldest message at which the workers are too slow for the queue. About one and a half times
 * the sum of a message's longest delay (180 s) and the longest run (900 s).
 */
const OLDEST_MESSAGE_SECONDS = 1_800;

/** Maximum milliseconds between a single task's due time and its start, for 99 % of the tasks. */
const LATE_MS = 30_000;

/** Maximum seconds by which the removal of a task may be late. It is at most a quarter of an hour while retention keeps up. */
const OVERDUE_SECONDS = 3_600;

/** Functions whose errors need an alarm. migrate and publish-console are absent: they fail the deployment that calls them. */
const ALARMED_FUNCTIONS = [
  'auth',
  'session',
  'api',
  'socket',
  'worker',
  'dead-letters',
  'dispatcher',
  'prices',
  'mail-events',
  'origin-check',
  'rotate-signing-key',
] as const satisfies readonly FunctionName[];

/** Returns every alarm of the stage, by name. docs/operating.md says what to do about each alarm, under the same name. */
export function alarmTable(watched: Watched): Record<string, AlarmSpec> {
  return {
    ...ofTasks(watched),
    ...ofFigures(watched),
    ...ofRequests(watched),
    ...ofDatabase(watched),
    ...ofFunctions(watched),
  };
}

function ofTasks({ queues, undelivered, functions }: Watched): Record<string, AlarmSpec> {
  return {
    'dead-letters': {
      says: 'Messages were received five times without success: workers died or could not start',
      // The dead-letters function empties this queue within moments, so the length of the queue would never trigger the
      // alarm.
      metric: functions['dead-letters'].metricInvocations({ statistic: 'Sum', period }),
      above: 0,
    },
    'undelivered-events': notEmpty(
      undelivered.queue,
      'A scheduled tick or an asynchronous call did not reach its function, or the function failed on every try',
    ),
    'interactive-queue-behind': old(queues.interactive, 'Single tasks wait longer than the longest run'),
    'bulk-queue-behind': old(queues.bulk, 'Batches of tasks wait longer than the longest run'),
    'dispatcher-silent': {
      says: 'The dispatcher has not run: tasks scheduled for later do not start',
      metric: functions.dispatcher.metricInvocations({ statistic: 'Sum', period }),
      below: 1,
    },
  };
}

/**
 * Alarms on the functions' own metrics. A stage that publishes none has no such alarms: the missing pulse would trigger
 * one.
 */
function ofFigures({ stage }: Watched): Record<string, AlarmSpec> {
  if (stage.observability.metrics === 'none') return {};
  return {
    'late-starts': {
      says: 'Single tasks start late, by the database’s clock',
      metric: metric(stage, 'InteractiveStartLateness', { statistic: 'p99', period }),
      above: LATE_MS,
      periods: 2,
    },
    'wake-ups-unsent': {
      says: 'SQS does not accept messages for the worker. Tasks wait until it does',
      metric: metric(stage, 'WakeUpsUnsent', { statistic: 'Sum', period }),
      above: 0,
      periods: 2,
    },
    'table-size': {
      says: 'A table is larger than it should be when old tasks are deleted',
      metric: metric(stage, 'LargestTableBytes', { statistic: 'Maximum', period }),
      above: stage.database.maxTableBytes,
    },
    'retention-behind': {
      says: 'For an hour, the dispatcher has not kept up with deleting old tasks',
      metric: metric(stage, 'RetentionOverdueSeconds', { statistic: 'Maximum', period }),
      above: OVERDUE_SECONDS,
      periods: 12,
    },
    'stale-prices': {
      says: 'No price has been fetched for a quarter of an hour',
      metric: metric(stage, 'PriceFetchesSucceeded', { statistic: 'Sum', period }),
      below: 1,
      periods: 3,
    },
  };
}

function ofRequests({
  http,
  sockets,
  functions: { auth, session, api, socket },
}: Watched): Record<string, AlarmSpec> {
  const throttles = (fn: CeleriacFunction) => fn.metricThrottles({ statistic: 'Sum', period });
  return {
    'http-errors': {
      says: 'The HTTP API answers requests with 5xx',
      metric: http.serverErrors({ statistic: 'Sum', period }),
      above: 5,
    },
    'socket-errors': {
      says: 'The function for WebSocket connections fails',
      // Does not count events that were answered with an error, because a client with an old ticket also gets such an
      // answer.
      metric: sockets.executionErrors({ statistic: 'Sum', period }),
      above: 5,
    },
    'requests-throttled': {
      says: 'Requests are refused because all sandboxes of the stage are busy',
      metric: new MathExpression({
        // Without FILL, a sum has no value when one of its metrics has none, for example that of a function that was not
        // called.
        expression: 'FILL(auth, 0) + FILL(session, 0) + FILL(api, 0) + FILL(socket, 0)',
        usingMetrics: {
          auth: throttles(auth),
          session: throttles(session),
          api: throttles(api),
          socket: throttles(socket),
        },
        period,
      }),
      above: 0,
      periods: 2,
    },
  };
}

function ofDatabase({ stage, database }: Watched): Record<string, AlarmSpec> {
  return {
    'database-capacity': {
      says: 'The database has reached the maximum capacity of the stage',
      metric: database.utilization({ statistic: 'Average', period }),
      above: 90,
      periods: 3,
    },
    'database-connections': {
      says: 'Four of five connections of the database are taken',
      metric: database.openConnections({ statistic: 'Maximum', period }),
      above: 0.8 * stage.database.maxConnections,
    },
    'transaction-ids': {
      says: 'Vacuum does not keep up: a quarter of the transaction ids is used. When none is left, Postgres refuses to write',
      metric: database.transactionAge({ statistic: 'Maximum', period }),
      above: 500_000_000,
    },
  };
}

function ofFunctions({ functions }: Watched): Record<string, AlarmSpec> {
  return Object.fromEntries(
    ALARMED_FUNCTIONS.map((name) => [
      `${name}-fails`,
      {
        // A task that fails is no error of the function: its row records the failure.
        says: `An invocation of ${name} threw, was killed or ran out of time`,
        metric: functions[name].metricErrors({ statistic: 'Sum', period }),
        above: 0,
      },
    ]),
  );
}

function notEmpty(queue: Queue, says: string): AlarmSpec {
  const metric = queue.metricApproximateNumberOfMessagesVisible({ statistic: 'Maximum', period });
  return { says, metric, above: 0 };
}

/**
 * Returns an alarm on a queue whose readers are too slow. The age also counts hidden messages: those of a dead worker are
 * hidden for an hour and a half, while the dispatcher lets other workers run their tasks. So the age counts only when
 * some messages were visible all the time.
 */
function old(queue: Queue, says: string): AlarmSpec {
  const metric = new MathExpression({
    expression: 'IF(FILL(waiting, 0) > 0, age, 0)',
    usingMetrics: {
      waiting: queue.metricApproximateNumberOfMessagesVisible({ statistic: 'Minimum', period }),
      age: queue.metricApproximateAgeOfOldestMessage({ statistic: 'Maximum', period }),
    },
    period,
  });
  return { says, metric, above: OLDEST_MESSAGE_SECONDS };
}
