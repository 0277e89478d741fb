import { Stack, Validations } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, type IMetric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import type { Stage } from '../../stages.ts';

/** When a person must know, in terms of one metric. */
export type AlarmSpec = {
  /** What is then the case, as a sentence. */
  says: string;
  metric: IMetric;
  /** Alarming outside of this: with `above`, greater; with `below`, less. */
  above?: number;
  below?: number;
  /** Consecutive periods of the metric that must be outside, from 1. */
  periods: number;
  /** What silence means: a function that did not run failed at nothing; a pulse that is missing is the trouble itself. */
  silence: 'well' | 'trouble';
};

/** What a person must know of, one alarm per row of a table, and the topic that tells. */
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
    // A topic with a policy of its own has lost the default one, by which alarms publish; those of this account, here.
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
    const tell = new SnsAction(this.topic);
    this.all = Object.entries(table).map(([name, { says, metric, above, below, periods, silence }]) => {
      const alarm = new Alarm(this, name, {
        alarmName: `celeriac-${stage.name}-${name}`,
        alarmDescription: `${says}. What to do: docs/operating.md#${name}`,
        metric,
        threshold: above ?? below ?? 0,
        comparisonOperator:
          below === undefined
            ? ComparisonOperator.GREATER_THAN_THRESHOLD
            : ComparisonOperator.LESS_THAN_THRESHOLD,
        evaluationPeriods: periods,
        treatMissingData: silence === 'trouble' ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING,
      });
      alarm.addAlarmAction(tell);
      alarm.addOkAction(tell);
      return alarm;
    });
  }
}
