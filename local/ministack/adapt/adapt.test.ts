import { expect, test } from 'vitest';
import { type Adaptation, adaptTemplate } from './adapt.ts';
import type { Resource } from './template.ts';

const ADAPTATION: Adaptation = {
  knownTypes: new Set([
    'AWS::SQS::Queue',
    'AWS::Lambda::Function',
    'AWS::EC2::VPC',
    'AWS::SecretsManager::Secret',
    'AWS::CloudWatch::Alarm',
    'AWS::IAM::Policy',
  ]),
  endpoint: 'https://127.0.0.1:4566',
  environment: {
    worker: { DATABASE_URL: 'postgres://celeriac_worker:secret@127.0.0.1/celeriac', DATABASE_CA_FILE: null },
  },
};

const adapt = (Resources: Record<string, Resource>) => {
  const { template, changes } = adaptTemplate({ Resources }, ADAPTATION);
  return { resources: template.Resources, changes };
};

const worker = (Variables: Record<string, unknown>): Resource => ({
  Type: 'AWS::Lambda::Function',
  Properties: { FunctionName: 'worker', Timeout: 900, Environment: { Variables } },
});

test('supported resources are deployed unchanged and without a message', () => {
  const queue = {
    Type: 'AWS::SQS::Queue',
    Properties: {
      RedrivePolicy: { maxReceiveCount: 5, deadLetterTargetArn: { 'Fn::GetAtt': ['Dead', 'Arn'] } },
    },
  };
  expect(adapt({ Queue: queue })).toEqual({ resources: { Queue: queue }, changes: [] });
});

test('an unknown type becomes a placeholder that keeps its dependencies, and its attributes become texts', () => {
  const { resources, changes } = adapt({
    Nat: { Type: 'AWS::EC2::Instance', Properties: { ImageId: 'x' }, DependsOn: ['Queue'] },
    Queue: { Type: 'AWS::SQS::Queue', Properties: { QueueName: { 'Fn::GetAtt': ['Nat', 'PrivateIp'] } } },
  });
  expect(resources.Nat).toEqual({ Type: 'AWS::CloudFormation::WaitConditionHandle', DependsOn: ['Queue'] });
  expect(resources.Queue?.Properties).toEqual({ QueueName: 'placeholder-Nat-PrivateIp' });
  expect(changes).toEqual([{ resource: 'Nat', what: expect.stringContaining('AWS::EC2::Instance') }]);
});

test('a resource is replaced only when its properties are those that fail', () => {
  const { resources } = adapt({
    Plain: { Type: 'AWS::CloudWatch::Alarm', Properties: { MetricName: 'Errors' } },
    Computed: { Type: 'AWS::CloudWatch::Alarm', Properties: { Metrics: [] } },
    Files: { Type: 'Custom::CDKBucketDeployment' },
    Trigger: { Type: 'Custom::Trigger' },
  });
  expect(Object.entries(resources).map(([id, { Type }]) => [id, Type.split('::').at(-1)])).toEqual([
    ['Plain', 'Alarm'],
    ['Computed', 'WaitConditionHandle'],
    ['Files', 'WaitConditionHandle'],
    ['Trigger', 'Trigger'],
  ]);
});

test('a function gets the variables it is given in place of its own and no others, and no password is told', () => {
  const { resources, changes } = adapt({
    Worker: worker({ DATABASE_URL: 'postgres://rds', DATABASE_CA_FILE: '/ca.pem', STAGE: 'dev' }),
  });
  expect(resources.Worker?.Properties).toEqual({
    FunctionName: 'worker',
    Timeout: 900,
    Environment: {
      Variables: { DATABASE_URL: 'postgres://celeriac_worker:secret@127.0.0.1/celeriac', STAGE: 'dev' },
    },
  });
  expect(changes.map(({ what }) => what)).toEqual([
    'gets DATABASE_URL=postgres://…@127.0.0.1/celeriac',
    'loses DATABASE_CA_FILE',
  ]);
});

test("an API's address at AWS's own host becomes its path at the emulator", () => {
  const Ref = (name: string) => ({ Ref: name });
  const host = [
    'https://',
    Ref('Api'),
    '.execute-api.',
    Ref('AWS::Region'),
    '.',
    Ref('AWS::URLSuffix'),
    '/ws',
  ];
  const { resources, changes } = adapt({ Worker: worker({ SOCKET_ENDPOINT: { 'Fn::Join': ['', host] } }) });
  expect(resources.Worker?.Properties?.Environment).toEqual({
    Variables: {
      SOCKET_ENDPOINT: {
        'Fn::Join': ['', ['https://127.0.0.1:4566/_aws/execute-api/', Ref('Api'), '/ws']],
      },
    },
  });
  expect(changes).toHaveLength(1);
});

test('references that the emulator resolves differently are rewritten to the same meaning', () => {
  const { resources, changes } = adapt({
    Vpc: { Type: 'AWS::EC2::VPC', Properties: { CidrBlock: '10.0.0.0/16' } },
    Secret: { Type: 'AWS::SecretsManager::Secret' },
    Worker: worker({ CIDR: { 'Fn::GetAtt': ['Vpc', 'CidrBlock'] }, SECRET_ARN: { Ref: 'Secret' } }),
  });
  expect(resources.Worker?.Properties?.Environment).toEqual({
    Variables: { CIDR: '10.0.0.0/16', SECRET_ARN: { 'Fn::GetAtt': ['Secret', 'Id'] } },
  });
  expect(changes.map(({ resource }) => resource)).toEqual(['Vpc', 'Secret']);
});

test('only a statement that allows a send is given the action that the emulator asks for', () => {
  const statement = (Effect: string, Action: string) => ({ Effect, Action, Resource: '*' });
  const { resources, changes } = adapt({
    Policy: {
      Type: 'AWS::IAM::Policy',
      Properties: {
        PolicyDocument: {
          Statement: [
            statement('Allow', 'sqs:SendMessage'),
            statement('Deny', 'sqs:SendMessage'),
            statement('Allow', 'sqs:ReceiveMessage'),
          ],
        },
      },
    },
  });
  expect(resources.Policy?.Properties?.PolicyDocument).toEqual({
    Statement: [
      { ...statement('Allow', ''), Action: ['sqs:SendMessage', 'sqs:SendMessageBatch'] },
      statement('Deny', 'sqs:SendMessage'),
      statement('Allow', 'sqs:ReceiveMessage'),
    ],
  });
  expect(changes).toEqual([{ resource: 'Policy', what: expect.stringContaining('sqs:SendMessageBatch') }]);
});
