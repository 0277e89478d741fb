import { describe, expect, test } from 'vitest';
import { FUNCTION_NAMES } from '../../lib/functions.ts';
import { allowed, functionAt, STAGE_NAMES, synthesized } from '../testing/synthesized.ts';

describe.each(STAGE_NAMES)('schedules of %s', (stage) => {
  const stacks = synthesized(stage);
  const { app } = stacks;
  const rules = Object.values(app.findResources('AWS::Events::Rule'));
  const queues = app.findResources('AWS::SQS::Queue');

  test('the dispatcher runs every minute, the prices every five', () => {
    const scheduled = rules.filter(({ Properties }) => Properties.ScheduleExpression);
    const rates = scheduled.map(({ Properties }) => [
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

  test('each rule retries, gives up in time, and then leaves a dead letter', () => {
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

  test('every asynchronous function leaves a dead letter when it fails, and has the right to', () => {
    // API Gateway waits for the answer. All other services call asynchronously, and so does a function that invokes a
    // function.
    const byServices = Object.values(app.findResources('AWS::Lambda::Permission'))
      .filter(({ Properties }) => Properties.Principal !== 'apigateway.amazonaws.com')
      .map(({ Properties }) => functionAt(stacks, Properties.FunctionName));
    const byFunctions = FUNCTION_NAMES.filter(
      (name) => allowed(stacks, 'lambda:InvokeFunction', `-${name}"`).length > 0,
    );
    const caught = Object.values(app.findResources('AWS::Lambda::EventInvokeConfig')).map(
      ({ Properties }) => {
        const queue: string = Properties.DestinationConfig.OnFailure.Destination['Fn::GetAtt'][0];
        expect(queues).toHaveProperty(queue);
        const name = functionAt(stacks, Properties.FunctionName);
        expect(allowed(stacks, 'sqs:SendMessage', `"${queue}"`)).toContain(name);
        return name;
      },
    );
    expect(caught.toSorted()).toEqual([...new Set([...byServices, ...byFunctions])].toSorted());
    expect(caught).toEqual(
      expect.arrayContaining(['dispatcher', 'mail-events', 'prices', 'rotate-signing-key', 'socket']),
    );
  });
});
