import { Duration } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, type IMetric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Topic } from 'aws-cdk-lib/aws-sns';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { CeleriacFunction } from './function.ts';

const PERIOD = Duration.minutes(5);

/** What a person must know of. Subscribe to the topic. */
export class Alarms extends Construct {
  readonly topic: Topic;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.topic = new Topic(this, 'Topic', { enforceSSL: true });
    // A topic with a policy of its own has lost the default one, by which alarms publish.
    this.topic.grantPublish(new ServicePrincipal('cloudwatch.amazonaws.com'));
  }

  /** Something lies in `queue`, into which only what went wrong falls. */
  whenNotEmpty(queue: Queue): void {
    this.above(
      0,
      `${queue.node.path} is not empty`,
      queue.metricApproximateNumberOfMessagesVisible({ period: PERIOD, statistic: 'Maximum' }),
    );
  }

  /** A message is older than `limit`, which must exceed the longest run and the longest delay together. */
  whenWaiting(queue: Queue, limit: Duration): void {
    this.above(
      limit.toSeconds(),
      `${queue.node.path} is not keeping up`,
      queue.metricApproximateAgeOfOldestMessage({ period: PERIOD, statistic: 'Maximum' }),
    );
  }

  /** An invocation threw, was killed or ran out of time. A task that fails is no error: it is recorded on its row. */
  whenFailing(fn: CeleriacFunction): void {
    this.above(0, `${fn.entry} fails`, fn.metricErrors({ period: PERIOD, statistic: 'Sum' }));
  }

  private above(threshold: number, description: string, metric: IMetric): void {
    new Alarm(this, description.replaceAll(/[^A-Za-z]/g, ''), {
      alarmDescription: description,
      metric,
      threshold,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: 1,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    }).addAlarmAction(new SnsAction(this.topic));
  }
}
