import { describe, expect, test } from 'vitest';
import { inventoryOf, type Template } from './inventory.ts';

const template = (...resources: { Type: string; Properties?: Record<string, unknown> }[]): Template => ({
  Resources: Object.fromEntries(resources.map((resource, index) => [`Resource${index}`, resource])),
});

describe('the model refuses', () => {
  test('an unknown type of resource, by name', () => {
    expect(() => inventoryOf([template({ Type: 'AWS::MSK::Cluster' })])).toThrow('AWS::MSK::Cluster');
  });

  test('an unknown type of a service whose other types are free', () => {
    for (const Type of [
      'AWS::ApiGatewayV2::VpcLink',
      'AWS::SNS::PhoneNumber',
      'AWS::SQS::Fleet',
      'AWS::IAM::Vault',
    ])
      expect(() => inventoryOf([template({ Type })])).toThrow(Type);
  });

  test('an instance without a price', () => {
    const instance = { Type: 'AWS::EC2::Instance', Properties: { InstanceType: 'm7g.large' } };
    expect(() => inventoryOf([template(instance)])).toThrow('m7g.large');
  });

  test('a schedule that is not a rate', () => {
    const Targets = [{ Arn: { 'Fn::GetAtt': ['Resource1', 'Arn'] } }];
    const rule = {
      Type: 'AWS::Events::Rule',
      Properties: { ScheduleExpression: 'cron(0 3 * * ? *)', Targets },
    };
    const fn = {
      Type: 'AWS::Lambda::Function',
      Properties: { FunctionName: 'celeriac-dev-api', MemorySize: 128 },
    };
    expect(() => inventoryOf([template(rule, fn)])).toThrow('cron(0 3 * * ? *)');
  });
});

test('a rule ticks as often as it says, for the function that it calls; a disabled one does not', () => {
  const rule = (State: string) => ({
    Type: 'AWS::Events::Rule',
    Properties: {
      ScheduleExpression: 'rate(5 minutes)',
      State,
      Targets: [{ Arn: { 'Fn::GetAtt': ['Resource0', 'Arn'] } }],
    },
  });
  const fn = {
    Type: 'AWS::Lambda::Function',
    Properties: { FunctionName: 'celeriac-dev-prices', MemorySize: 512 },
  };
  expect(inventoryOf([template(fn, rule('ENABLED'), rule('DISABLED'))]).ticks).toEqual([
    { functionName: 'prices', memoryMiB: 512, everySeconds: 300 },
  ]);
});

test('an alarm on an expression is paid for by the metrics in it, and a metric of our own is paid for once', () => {
  const metric = (Namespace: string, MetricName: string) => ({
    MetricStat: { Metric: { Namespace, MetricName } },
  });
  const alarm = (Properties: Record<string, unknown>) => ({ Type: 'AWS::CloudWatch::Alarm', Properties });
  const { alarms, metrics } = inventoryOf([
    template(
      alarm({ Namespace: 'AWS/SQS', MetricName: 'Age' }),
      alarm({ Namespace: 'Celeriac', MetricName: 'LateTasks' }),
      alarm({
        Metrics: [metric('Celeriac', 'LateTasks'), metric('AWS/Lambda', 'Errors'), { Expression: 'm1/m2' }],
      }),
    ),
  ]);
  expect({ alarms, metrics }).toEqual({ alarms: 4, metrics: 1 });
});

test('a metric on a dashboard is paid for like one under an alarm, and once when it is on both', () => {
  const body = (metrics: unknown[]) =>
    JSON.stringify({ widgets: [{ properties: { metrics } }, { type: 'text' }] });
  const [before = '', after = ''] = body([
    ['Celeriac', 'LateTasks', 'Stage', 'dev', { stat: 'Sum' }],
    ['Celeriac', 'LateTasks', 'Stage', 'dev', { stat: 'p99' }],
    ['Celeriac', 'PricesStored', 'Stage', 'dev'],
    ['AWS/SQS', 'Age', 'QueueName', '<name>'],
    [{ expression: 'm1 / m2' }],
  ]).split('<name>');
  const { metrics, dashboards } = inventoryOf([
    template(
      {
        Type: 'AWS::CloudWatch::Dashboard',
        Properties: { DashboardBody: { 'Fn::Join': ['', [before, { Ref: 'Queue' }, after]] } },
      },
      {
        Type: 'AWS::CloudWatch::Alarm',
        Properties: {
          Namespace: 'Celeriac',
          MetricName: 'LateTasks',
          Dimensions: [{ Name: 'Stage', Value: 'dev' }],
        },
      },
    ),
  ]);
  expect({ metrics, dashboards }).toEqual({ metrics: 2, dashboards: 1 });
});

test('an interface endpoint is paid for in each zone, a gateway endpoint nowhere', () => {
  const endpoint = (Properties: Record<string, unknown>) => ({ Type: 'AWS::EC2::VPCEndpoint', Properties });
  const { interfaceEndpoints } = inventoryOf([
    template(
      endpoint({ VpcEndpointType: 'Gateway', RouteTableIds: ['a'] }),
      endpoint({ VpcEndpointType: 'Interface', SubnetIds: ['a', 'b'] }),
    ),
  ]);
  expect(interfaceEndpoints).toBe(2);
});
