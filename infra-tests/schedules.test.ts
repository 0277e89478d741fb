import { describe, expect, test } from 'vitest';
import { functionAt, STAGE_NAMES, synthesized } from './synthesized.ts';

describe.each(STAGE_NAMES)('what happens by itself in %s', (stage) => {
  const stacks = synthesized(stage);
  const { app } = stacks;
  const rules = Object.values(app.findResources('AWS::Events::Rule'));
  const queues = app.findResources('AWS::SQS::Queue');

  test('the dispatcher runs every minute, the prices every five', () => {
    const rates = rules.map(({ Properties }) => [
      functionAt(stacks, Properties.Targets[0].Arn),
      Properties.ScheduleExpression,
    ]);
    expect(new Map(rates as [string, string][])).toEqual(
      new Map([
        ['dispatcher', 'rate(1 minute)'],
        ['prices', 'rate(5 minutes)'],
      ]),
    );
  });

  test('each scheduled rule retries, gives up in time, and then leaves a dead letter', () => {
    for (const target of rules.flatMap(({ Properties }) => Properties.Targets)) {
      expect(target.RetryPolicy.MaximumRetryAttempts).toBeGreaterThan(0);
      expect(target.RetryPolicy.MaximumEventAgeInSeconds).toBeGreaterThanOrEqual(60);
      expect(queues).toHaveProperty(target.DeadLetterConfig.Arn['Fn::GetAtt'][0]);
    }
  });

  test('EventBridge may put its dead letters where the rules say', () => {
    const statements = Object.values(app.findResources('AWS::SQS::QueuePolicy')).flatMap(
      ({ Properties }) => Properties.PolicyDocument.Statement,
    );
    for (const [id, { Properties }] of Object.entries(app.findResources('AWS::Events::Rule'))) {
      expect(statements).toContainEqual(
        expect.objectContaining({
          Effect: 'Allow',
          Action: 'sqs:SendMessage',
          Principal: { Service: 'events.amazonaws.com' },
          Resource: Properties.Targets[0].DeadLetterConfig.Arn,
          Condition: { ArnEquals: { 'aws:SourceArn': { 'Fn::GetAtt': [id, 'Arn'] } } },
        }),
      );
    }
  });

  test('every function that is called asynchronously leaves a dead letter when it fails', () => {
    const caught = Object.values(app.findResources('AWS::Lambda::EventInvokeConfig')).map(
      ({ Properties }) => {
        expect(queues).toHaveProperty(Properties.DestinationConfig.OnFailure.Destination['Fn::GetAtt'][0]);
        return functionAt(stacks, Properties.FunctionName);
      },
    );
    expect(caught.toSorted()).toEqual(['dispatcher', 'prices', 'rotate-signing-key', 'socket']);
  });
});
