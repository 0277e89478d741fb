import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import type { Settings } from '../lib/stage-settings.ts';
import {
  ALL_SETTINGS,
  allowed,
  appOf,
  functionsOf,
  STAGE_NAMES,
  synthesize,
  synthesized,
  temporary,
} from './testing/synthesized.ts';

describe('everything that may be said at deployment', () => {
  const stacks = synthesize('prod', temporary('all'), ALL_SETTINGS);
  const { app } = stacks;

  test('the domain is the front door’s, with its certificate, and its records point there', () => {
    app.hasResourceProperties('AWS::CloudFront::Distribution', {
      DistributionConfig: {
        Aliases: ['tasks.example.com'],
        ViewerCertificate: {
          AcmCertificateArn: ALL_SETTINGS.certificateArn,
          MinimumProtocolVersion: 'TLSv1.2_2021',
        },
      },
    });
    const records = Object.values(app.findResources('AWS::Route53::RecordSet')).map(
      ({ Properties }) => Properties,
    );
    expect(records.map(({ Name, Type }) => [Name, Type]).toSorted()).toEqual([
      ['tasks.example.com.', 'A'],
      ['tasks.example.com.', 'AAAA'],
    ]);
    expect(app.findOutputs('ConsoleUrl').ConsoleUrl?.Value).toBe('https://tasks.example.com/');
    expect(functionsOf(stacks).auth.resource.Properties.Environment.Variables.TOKEN_ISSUER).toBe(
      'https://tasks.example.com',
    );
  });

  test('alarms are mailed', () => {
    app.hasResourceProperties('AWS::SNS::Subscription', {
      Protocol: 'email',
      Endpoint: 'on-call@example.com',
    });
  });

  test('the price provider’s key is read from its secret, by prices alone, and stands nowhere else', () => {
    const { Variables } = functionsOf(stacks).prices.resource.Properties.Environment;
    expect([Variables.PRICE_API_KEY, Variables.PRICE_API_KEY_SECRET]).toEqual(['', 'coingecko']);
    expect(allowed(stacks, 'secretsmanager:GetSecretValue', ':secret:coingecko-')).toEqual(['prices']);
  });

  test('the account’s month is watched, and its e-mail told before the budget is spent and when it will be', () => {
    const [budget] = Object.values(app.findResources('AWS::Budgets::Budget'));
    expect(budget?.Properties.Budget).toMatchObject({
      BudgetLimit: { Amount: 400, Unit: 'USD' },
      TimeUnit: 'MONTHLY',
      BudgetType: 'COST',
    });
    const told = budget?.Properties.NotificationsWithSubscribers.map(
      ({ Notification, Subscribers }: Record<string, never>) => [Notification, Subscribers],
    );
    const subscribers = [{ SubscriptionType: 'EMAIL', Address: 'on-call@example.com' }];
    expect(told).toEqual([
      [{ NotificationType: 'ACTUAL', Threshold: 80, ComparisonOperator: 'GREATER_THAN' }, subscribers],
      [{ NotificationType: 'FORECASTED', Threshold: 100, ComparisonOperator: 'GREATER_THAN' }, subscribers],
    ]);
  });

  test('a key of the stage’s own encrypts the database, its password, the signing secret and the artifacts, and is kept with them', () => {
    const { data } = stacks;
    const [[key, resource] = []] = Object.entries(data.findResources('AWS::KMS::Key'));
    expect(resource).toMatchObject({ DeletionPolicy: 'Retain', Properties: { EnableKeyRotation: true } });
    const Arn = { 'Fn::GetAtt': [key, 'Arn'] };
    data.hasResourceProperties('AWS::RDS::DBCluster', { KmsKeyId: Arn, MasterUserSecret: { KmsKeyId: Arn } });
    data.hasResourceProperties('AWS::SecretsManager::Secret', { KmsKeyId: Arn });
    data.hasResourceProperties('AWS::S3::Bucket', {
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [
          {
            BucketKeyEnabled: true,
            ServerSideEncryptionByDefault: { KMSMasterKeyID: Arn, SSEAlgorithm: 'aws:kms' },
          },
        ],
      },
    });
    // Functions that read or write encrypted data may use the key.
    expect(allowed(stacks, 'kms:Decrypt')).toEqual([
      'auth',
      'session',
      'api',
      'worker',
      'dispatcher',
      'migrate',
      'rotate-signing-key',
    ]);
    expect(allowed(stacks, 'kms:GenerateDataKey')).toEqual(
      expect.arrayContaining(['api', 'worker', 'rotate-signing-key']),
    );
  });

  test('functions and database lie in the network that is there, and none is made', () => {
    const { data } = stacks;
    for (const type of ['AWS::EC2::VPC', 'AWS::EC2::Subnet', 'AWS::EC2::NatGateway', 'AWS::EC2::Instance']) {
      data.resourceCountIs(type, 0);
    }
    data.hasResourceProperties('AWS::RDS::DBSubnetGroup', { SubnetIds: ['subnet-0c', 'subnet-0d'] });
    const { VpcConfig } = functionsOf(stacks).api.resource.Properties;
    expect(VpcConfig.SubnetIds).toEqual(['subnet-0a', 'subnet-0b']);
    for (const template of [app, data]) {
      for (const { Properties } of Object.values(template.findResources('AWS::EC2::SecurityGroup')))
        expect(Properties.VpcId).toBe('vpc-0123456789abcdef0');
    }
  });

  test('without reservations, nothing is taken from the account’s concurrency', () => {
    for (const { resource } of Object.values(functionsOf(stacks)))
      expect(resource.Properties).not.toHaveProperty('ReservedConcurrentExecutions');
  });

  test('the firewall stands in us-east-1 and before the front door, whatever region the rest is in', () => {
    const assembly = appOf('prod', temporary('firewall'), ALL_SETTINGS).synth();
    const firewall = assembly.getStackByName('Celeriac-prod-Firewall');
    expect(firewall.environment.region).toBe('us-east-1');
    const template = Template.fromJSON(firewall.template);
    template.hasResourceProperties('AWS::WAFv2::WebACL', { Scope: 'CLOUDFRONT' });
    const application = assembly.getStackByName('Celeriac-prod-App');
    expect(application.environment.region).toBe('unknown-region');
    expect(application.dependencies.map(({ id }) => id)).toContain('Celeriac-prod-Firewall');
    const [parameter] = Object.values(template.findResources('AWS::SSM::Parameter'));
    const readers = app.findResources('Custom::AWS');
    const [reader] = Object.keys(readers).filter((id) => id.startsWith('Firewall'));
    expect(JSON.stringify(readers)).toContain(parameter?.Properties.Name);
    app.hasResourceProperties('AWS::CloudFront::Distribution', {
      DistributionConfig: { WebACLId: { 'Fn::GetAtt': [reader, 'Parameter.Value'] } },
    });
  });
});

// Loads the library before the tests, so that no test's time includes the loading.
for (const stage of STAGE_NAMES) synthesized(stage);

test('without any, there is no domain, mail or key, and nothing asks for them', () => {
  for (const stage of STAGE_NAMES) {
    const { app } = synthesized(stage);
    for (const type of ['AWS::SNS::Subscription', 'AWS::Route53::RecordSet']) {
      app.resourceCountIs(type, 0);
    }
    expect(
      Object.values(app.toJSON().Parameters ?? {}).filter((parameter) => !Object(parameter).Default),
    ).toEqual([]);
  }
});

const MALFORMED: [Settings, string][] = [
  [{ domainName: 'tasks.example.com' }, 'A domain needs both settings'],
  [{ certificateArn: 'arn:aws:acm:us-east-1:1:certificate/x' }, 'A domain needs both settings'],
  [
    { domainName: 'tasks.example.com', certificateArn: 'arn:aws:acm:eu-central-1:1:certificate/x' },
    'must be of a certificate in us-east-1',
  ],
  [
    {
      domainName: 'tasks.example.com',
      certificateArn: 'arn:aws:acm:us-east-1:1:certificate/x',
      hostedZoneId: 'Z1',
    },
    'A hosted zone needs both settings',
  ],
  [{ firewall: 'yes' }, 'must be "on" or "off"'],
  [{ ownKey: 'true' }, 'ownKey must be "on" or "off"'],
  [{ reservations: '0' }, 'reservations must be "on" or "off"'],
  [{ monthlyBudget: '50' }, 'monthlyBudget needs the setting alarmEmail'],
  [{ monthlyBudget: '0', alarmEmail: 'a@example.com' }, 'must be a whole number from 1 to 1000000'],
  [{ mailSenders: 'Ada <ada@example.com>' }, 'mailSenders must be addresses and domains'],
  [{ mailSenders: 'example.com,*' }, 'mailSenders must be addresses and domains'],
  [{ vpcId: 'vpc-1' }, 'An existing network needs three settings'],
  [{ functionSubnetIds: 'subnet-1,subnet-2' }, 'An existing network needs three settings'],
  [
    { vpcId: 'vpc-1', functionSubnetIds: 'subnet-1,subnet-2', databaseSubnetIds: 'subnet-3' },
    'databaseSubnetIds must be two or more ids of subnets',
  ],
];

test.each(MALFORMED)('%j is refused', (settings, why) => {
  expect(() => appOf('dev', temporary('malformed'), settings)).toThrow(why);
});

test('the documentation says how much of the account’s concurrency each stage reserves, and names every setting', () => {
  const documentation = readFileSync(
    join(import.meta.dirname, '..', 'docs', 'deploying.md'),
    'utf8',
  ).replaceAll(/\s+/g, ' ');
  const [dev, prod] = (['dev', 'prod'] as const).map((stage) =>
    Object.values(functionsOf(synthesized(stage))).reduce(
      (sum, { resource }) => sum + (resource.Properties.ReservedConcurrentExecutions ?? 0),
      0,
    ),
  );
  expect(documentation).toContain(`(\`dev\` ${dev}, \`prod\` ${prod})`);
  for (const setting of Object.keys(ALL_SETTINGS)) expect(documentation).toContain(`\`${setting}\``);
});
