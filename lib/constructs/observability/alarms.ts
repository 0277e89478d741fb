import { Stack, Validations } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, type IMetric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import type { Stage } from '../../stages.ts';

/** The condition of an alarm on one metric. */
export type AlarmSpec = {
  /** The situation of the alarm, as a sentence. */
  says: string;
  metric: IMetric;
  /** The alarm is raised above this value. Missing data are well: a function that did not run did not fail. */
  above?: number;
  /** The alarm is raised below this value. Missing data raise it too: the metric is a pulse. */
  below?: number;
  /** Consecutive periods of the metric that must be outside the bound. Default: 1. */
  periods?: number;
};

const UPPER_BOUND = {
  comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
  treatMissingData: TreatMissingData.NOT_BREACHING,
};
const LOWER_BOUND = {
  comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
  treatMissingData: TreatMissingData.BREACHING,
};

/** One alarm per row of a table, and the topic that sends them. */
export class Alarms extends Construct {
  readonly topic: Topic;
  readonly all: readonly Alarm[];

  constructor(
    scope: Construct,
    id: string,
    { stage, table }: { stage: Stage; table: Readonly<Record<string, AlarmSpec>> },
  ) {
    super(scope, id);
    this.topic = new Topic(this, 'Topic', { enforceSSL: true });
    // A topic with its own policy has lost the default policy, which lets alarms publish. This allows the alarms of this
    // account.
    this.topic.addToResourcePolicy(
      new PolicyStatement({
        actions: ['sns:Publish'],
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        resources: [this.topic.topicArn],
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    );
    if (stage.alarms.email) {
      this.topic.addSubscription(new EmailSubscription(stage.alarms.email));
      Validations.of(this.topic).acknowledge({
        id: 'Serverless-SNSRedrivePolicy',
        reason:
          'A mail that cannot be delivered would wait in a queue that nobody looks into; the alarm itself stays',
      });
    }
    const notify = new SnsAction(this.topic);
    this.all = Object.entries(table).map(([name, { says, metric, above, below, periods = 1 }]) => {
      const alarm = new Alarm(this, name, {
        alarmName: `celeriac-${stage.name}-${name}`,
        alarmDescription: `${says}. What to do: docs/operating.md#${name}`,
        metric,
        threshold: above ?? below ?? 0,
        ...(below === undefined ? UPPER_BOUND : LOWER_BOUND),
        evaluationPeriods: periods,
      });
      alarm.addAlarmAction(notify);
      alarm.addOkAction(notify);
      return alarm;
    });
  }
}
