import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { STAGES } from '../lib/stages.ts';
import { functionsOf, type Resource, STAGE_NAMES, synthesized } from './synthesized.ts';

const runbook = readFileSync(join(import.meta.dirname, '..', 'docs', 'runbook.md'), 'utf8');

/** Functions whose failure somebody else hears of: the deployment that calls them. */
const OF_DEPLOYMENTS = ['migrate', 'publish-console'];

/** What stands below a heading of the runbook, up to the next. */
const sectionOf = (name: string) =>
  runbook.split(/^#+ /m).find((section) => section.split('\n')[0]?.trim() === name);

describe.each(STAGE_NAMES)('alarms of %s', (stage) => {
  const stacks = synthesized(stage);
  const { app } = stacks;
  const alarms = Object.values(app.findResources('AWS::CloudWatch::Alarm')).map(
    ({ Properties }) => Properties,
  );
  const queues = app.findResources('AWS::SQS::Queue');
  const nameOf = ({ AlarmName }: Resource['Properties']) =>
    String(AlarmName).replace(`celeriac-${stage}-`, '');

  test('each has a section of the runbook, its description leads there, and the section says something', () => {
    expect(alarms.length).toBeGreaterThan(0);
    for (const alarm of alarms) {
      const name = nameOf(alarm);
      expect(alarm.AlarmDescription).toMatch(
        new RegExp(`^[A-Z].+\\. What to do: docs/runbook\\.md#${name}$`),
      );
      expect([name, (sectionOf(name) ?? '').length > name.length + 80]).toEqual([name, true]);
    }
  });

  test('each tells the topic that people subscribe to, also when it is over', () => {
    const [topic] = Object.keys(app.findResources('AWS::SNS::Topic'));
    for (const { AlarmActions, OKActions } of alarms) {
      expect([AlarmActions, OKActions]).toEqual([[{ Ref: topic }], [{ Ref: topic }]]);
    }
  });

  test('alarms may publish to that topic', () => {
    const statements = Object.values(app.findResources('AWS::SNS::TopicPolicy')).flatMap(
      ({ Properties }) => Properties.PolicyDocument.Statement,
    );
    expect(statements).toContainEqual(
      expect.objectContaining({
        Effect: 'Allow',
        Action: 'sns:Publish',
        Principal: { Service: 'cloudwatch.amazonaws.com' },
      }),
    );
  });

  function watched(metric: string, dimension: string): string[] {
    return alarms
      .filter(({ MetricName }) => MetricName === metric)
      .flatMap(({ Dimensions }) => Dimensions)
      .filter(({ Name }) => Name === dimension)
      .map(({ Value }) => Value.Ref ?? Value['Fn::GetAtt'][0])
      .toSorted();
  }

  test('what went wrong for good is heard of: a queue that nobody empties is watched for being empty, one that a function empties by its calls', () => {
    const redriven = new Set(
      Object.values(queues).flatMap(
        ({ Properties }) => Properties.RedrivePolicy?.deadLetterTargetArn['Fn::GetAtt'][0] ?? [],
      ),
    );
    const undelivered = new Set(
      Object.values(app.findResources('AWS::Events::Rule')).map(
        ({ Properties }) => Properties.Targets[0].DeadLetterConfig.Arn['Fn::GetAtt'][0],
      ),
    );
    expect(watched('ApproximateNumberOfMessagesVisible', 'QueueName')).toEqual([...undelivered].toSorted());
    const emptiedBy = Object.values(app.findResources('AWS::Lambda::EventSourceMapping'))
      .filter(({ Properties }) => redriven.has(Properties.EventSourceArn['Fn::GetAtt'][0]))
      .map(({ Properties }) => Properties.FunctionName.Ref);
    expect(emptiedBy).toHaveLength(redriven.size);
    expect(watched('Invocations', 'FunctionName')).toEqual(expect.arrayContaining(emptiedBy));
  });

  test('every queue that work waits in is watched for being kept up with, with room for the longest run', () => {
    const sources = Object.keys(queues).filter((id) => queues[id]?.Properties.RedrivePolicy);
    expect(watched('ApproximateAgeOfOldestMessage', 'QueueName')).toEqual(sources.toSorted());
    const { Timeout } = functionsOf(stacks).worker.resource.Properties;
    const ages = alarms.filter(({ MetricName }) => MetricName === 'ApproximateAgeOfOldestMessage');
    for (const { Threshold } of ages) expect(Threshold).toBeGreaterThan(Timeout + 180);
  });

  test('every function is watched for failing, unless a deployment fails with it', () => {
    const expected = Object.entries(functionsOf(stacks))
      .filter(([name]) => !OF_DEPLOYMENTS.includes(name))
      .map(([, { id }]) => id);
    expect(watched('Errors', 'FunctionName')).toEqual(expected.toSorted());
  });

  test('a dispatcher that is silent is trouble, and a price feed that tells of itself; silence of anything else is well', () => {
    const troubled = alarms
      .filter(({ TreatMissingData }) => TreatMissingData === 'breaching')
      .map((alarm) => nameOf(alarm));
    const { figures } = STAGES[stage].observability;
    expect(troubled.toSorted()).toEqual(['dispatcher-silent', ...(figures ? ['stale-prices'] : [])]);
  });

  test('the database is watched for capacity and connections, before either is gone', () => {
    const limitOf = (metric: string) => alarms.find(({ MetricName }) => MetricName === metric)?.Threshold;
    const [parameters] = Object.values(
      synthesized(stage).data.findResources('AWS::RDS::DBClusterParameterGroup'),
    );
    expect(limitOf('ACUUtilization')).toBeLessThan(100);
    expect(limitOf('DatabaseConnections')).toBeLessThan(
      Number(parameters?.Properties.Parameters.max_connections),
    );
  });
});

test('prod has every alarm: the runbook has no section for one that prod has not', () => {
  const [, ofAlarms = ''] = runbook.split(/^## Alarms$/m);
  const headings = [...(ofAlarms.split(/^## /m)[0] ?? '').matchAll(/^### (.+)$/gm)].map(([, name]) => name);
  const names = Object.values(synthesized('prod').app.findResources('AWS::CloudWatch::Alarm')).map(
    ({ Properties }) => Properties.AlarmName.replace('celeriac-prod-', ''),
  );
  expect(headings.toSorted()).toEqual(names.toSorted());
});
