import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { functionsOf, type Resource, STAGE_NAMES, synthesized } from '../testing/synthesized.ts';

const runbook = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'operating.md'), 'utf8');

/** Functions whose failures need no alarm, because they fail the deployment that calls them. */
const OF_DEPLOYMENTS = ['migrate', 'publish-console'];

/** Returns the text below a heading of the runbook, up to the next heading. */
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

  test('each has a section in the runbook, and its description links there', () => {
    expect(alarms.length).toBeGreaterThan(0);
    for (const alarm of alarms) {
      const name = nameOf(alarm);
      expect(alarm.AlarmDescription).toMatch(
        new RegExp(`^[A-Z].+\\. What to do: docs/operating\\.md#${name}$`),
      );
      expect([name, (sectionOf(name) ?? '').length > name.length + 80]).toEqual([name, true]);
    }
  });

  test('each notifies the topic, also when it is over', () => {
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
        Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
      }),
    );
  });

  /** Returns the metrics of an alarm, each with its statistic: a single metric, or the metrics of its expression. */
  const metricsOf = (alarm: Resource['Properties']): Resource['Properties'][] =>
    (alarm.Metrics ?? [{ MetricStat: { Metric: alarm, Stat: alarm.Statistic } }]).flatMap(
      ({ MetricStat, Id }: Resource['Properties']) =>
        MetricStat ? [{ Id, Stat: MetricStat.Stat, ...MetricStat.Metric }] : [],
    );
  const alarm = (name: string) => alarms.find((each) => nameOf(each) === name) ?? {};
  const expressionOf = ({ Metrics = [] }: Resource['Properties']): string =>
    Metrics.find(({ Expression }: Resource['Properties']) => Expression)?.Expression ?? '';

  function watched(metric: string, dimension: string, among = alarms): string[] {
    return among
      .flatMap(metricsOf)
      .filter(({ MetricName }) => MetricName === metric)
      .flatMap(({ Dimensions }) => Dimensions)
      .filter(({ Name }) => Name === dimension)
      .map(({ Value }) => Value.Ref ?? Value['Fn::GetAtt'][0])
      .toSorted();
  }

  test('final failures have alarms: on the length of a queue that nobody empties, or on the calls of the function that empties it', () => {
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
    const plain = alarms.filter(({ Metrics }) => !Metrics);
    expect(watched('ApproximateNumberOfMessagesVisible', 'QueueName', plain)).toEqual(
      [...undelivered].toSorted(),
    );
    const emptiedBy = Object.values(app.findResources('AWS::Lambda::EventSourceMapping'))
      .filter(({ Properties }) => redriven.has(Properties.EventSourceArn['Fn::GetAtt'][0]))
      .map(({ Properties }) => Properties.FunctionName.Ref);
    expect(emptiedBy).toHaveLength(redriven.size);
    expect(watched('Invocations', 'FunctionName')).toEqual(expect.arrayContaining(emptiedBy));
  });

  test('every work queue has an alarm on its age, above the longest run', () => {
    const sources = Object.keys(queues).filter((id) => queues[id]?.Properties.RedrivePolicy);
    expect(watched('ApproximateAgeOfOldestMessage', 'QueueName')).toEqual(sources.toSorted());
    const { Timeout } = functionsOf(stacks).worker.resource.Properties;
    for (const queue of ['interactive', 'bulk']) {
      expect(alarm(`${queue}-queue-behind`).Threshold).toBeGreaterThan(Timeout + 180);
    }
  });

  test('the age of hidden messages alone triggers no alarm', () => {
    for (const queue of ['interactive', 'bulk']) {
      const behind = alarm(`${queue}-queue-behind`);
      const metrics = metricsOf(behind);
      expect(metrics.map(({ Id, MetricName, Stat }) => [Id, MetricName, Stat]).toSorted()).toEqual([
        ['age', 'ApproximateAgeOfOldestMessage', 'Maximum'],
        ['waiting', 'ApproximateNumberOfMessagesVisible', 'Minimum'],
      ]);
      expect(new Set(metrics.map(({ Dimensions }) => JSON.stringify(Dimensions))).size).toBe(1);
      expect(expressionOf(behind)).toBe('IF(FILL(waiting, 0) > 0, age, 0)');
    }
  });

  test('a throttled request triggers an alarm, even while the other functions have no calls', () => {
    const throttled = alarm('requests-throttled');
    expect(watched('Throttles', 'FunctionName', [throttled])).toHaveLength(4);
    for (const { Id } of metricsOf(throttled)) expect(expressionOf(throttled)).toContain(`FILL(${Id}, 0)`);
  });

  /** AWS's own metrics: the names and dimensions that AWS publishes by itself. */
  const PUBLISHED_BY_AWS: Record<string, { metrics: string[]; dimensions: string[][] }> = {
    'AWS/Lambda': { metrics: ['Errors', 'Invocations', 'Throttles'], dimensions: [['FunctionName']] },
    'AWS/SQS': {
      metrics: ['ApproximateAgeOfOldestMessage', 'ApproximateNumberOfMessagesVisible'],
      dimensions: [['QueueName']],
    },
    // 5xx belongs to the HTTP API, ExecutionError to the WebSocket API.
    'AWS/ApiGateway': { metrics: ['5xx', 'ExecutionError'], dimensions: [['ApiId'], ['ApiId', 'Stage']] },
    'AWS/RDS': {
      metrics: ['ACUUtilization', 'DatabaseConnections', 'MaximumUsedTransactionIDs'],
      dimensions: [['DBClusterIdentifier']],
    },
  };

  test('each uses an existing metric: our own, or one of AWS with that name and those dimensions', () => {
    for (const { Namespace, MetricName, Dimensions } of alarms.flatMap(metricsOf)) {
      if (Namespace === 'Celeriac') continue;
      const known = PUBLISHED_BY_AWS[Namespace] ?? { metrics: [], dimensions: [] };
      expect(known.metrics).toContain(MetricName);
      expect(known.dimensions).toContainEqual(
        Dimensions.map(({ Name }: { Name: string }) => Name).toSorted(),
      );
    }
  });

  test('every function has an alarm on errors, except those that fail a deployment', () => {
    const expected = Object.entries(functionsOf(stacks))
      .filter(([name]) => !OF_DEPLOYMENTS.includes(name))
      .map(([, { id }]) => id);
    expect(watched('Errors', 'FunctionName')).toEqual(expected.toSorted());
  });

  test('missing data triggers the alarms of the dispatcher and of prices, and no others', () => {
    const troubled = alarms
      .filter(({ TreatMissingData }) => TreatMissingData === 'breaching')
      .map((alarm) => nameOf(alarm));
    expect(troubled.toSorted()).toEqual(['dispatcher-silent', 'stale-prices']);
  });

  test('the database has alarms on transaction ids and on the size of tables', () => {
    const { MetricName, Threshold, Statistic } = alarm('transaction-ids');
    expect([MetricName, Statistic]).toEqual(['MaximumUsedTransactionIDs', 'Maximum']);
    // Above the age that vacuum allows by itself (200 million), and well below the end (2,147 million).
    expect(Threshold).toBeGreaterThan(2 * 200e6);
    expect(Threshold).toBeLessThan(1_000e6);
    expect(alarm('table-size')).toMatchObject({ MetricName: 'LargestTableBytes', Statistic: 'Maximum' });
  });

  test('the database has alarms on capacity and connections, below their limits', () => {
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

test.each(STAGE_NAMES)('%s has an alarm for every section of the runbook', (stage) => {
  const [, ofAlarms = ''] = runbook.split(/^## Alarms$/m);
  const headings = [...(ofAlarms.split(/^## /m)[0] ?? '').matchAll(/^### (.+)$/gm)].map(([, name]) => name);
  const names = Object.values(synthesized(stage).app.findResources('AWS::CloudWatch::Alarm')).map(
    ({ Properties }) => Properties.AlarmName.replace(`celeriac-${stage}-`, ''),
  );
  expect(headings.toSorted()).toEqual(names.toSorted());
});
