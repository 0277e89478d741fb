import { describe, expect, test } from 'vitest';
import { DATABASE_FUNCTIONS, databaseRole, FUNCTION_NAMES } from '../../lib/functions.ts';
import { assertConnectionsSuffice, STAGES } from '../../lib/stages.ts';
import {
  functionsOf,
  listed,
  type Resource,
  STAGE_NAMES,
  statementsOf,
  synthesized,
} from '../testing/synthesized.ts';

describe.each(STAGE_NAMES)('database of %s', (stage) => {
  const stacks = synthesized(stage);
  const { app, data } = stacks;
  const cluster = only(data.findResources('AWS::RDS::DBCluster'));
  const parameters = only(data.findResources('AWS::RDS::DBClusterParameterGroup')).Properties.Parameters;
  const functions = functionsOf(stacks);
  const runtime = DATABASE_FUNCTIONS.filter((name) => name !== 'migrate');

  test('is not public: it lies in subnets without a route out, and no address may reach it', () => {
    for (const { Properties } of Object.values(data.findResources('AWS::RDS::DBInstance'))) {
      expect(Properties.PubliclyAccessible).toBe(false);
    }
    const subnets: { Ref: string }[] = only(data.findResources('AWS::RDS::DBSubnetGroup')).Properties
      .SubnetIds;
    const associations = Object.values(data.findResources('AWS::EC2::SubnetRouteTableAssociation'));
    const routed = Object.values(data.findResources('AWS::EC2::Route')).map(
      ({ Properties }) => Properties.RouteTableId.Ref,
    );
    for (const subnet of subnets) {
      const tables = associations
        .filter(({ Properties }) => Properties.SubnetId.Ref === subnet.Ref)
        .map(({ Properties }) => Properties.RouteTableId.Ref);
      expect(tables).toHaveLength(1);
      expect(routed).not.toContain(tables[0]);
    }
    const group = cluster.Properties.VpcSecurityGroupIds[0]['Fn::GetAtt'][0];
    expect(data.findResources('AWS::EC2::SecurityGroup')[group]?.Properties).not.toHaveProperty(
      'SecurityGroupIngress',
    );
  });

  test('is encrypted at rest and accepts only TLS', () => {
    expect(cluster.Properties.StorageEncrypted).toBe(true);
    expect(parameters['rds.force_ssl']).toBe('1');
  });

  test('takes IAM logins; each function logs in by it, as its own role and as no other', () => {
    expect(cluster.Properties.EnableIAMDatabaseAuthentication).toBe(true);
    for (const name of runtime) {
      const resources = statementsOf(stacks, name)
        .filter(({ Action }) => listed(Action).includes('rds-db:connect'))
        .map(({ Resource }) => JSON.stringify(Resource));
      expect(resources).toHaveLength(1);
      expect(resources[0]).toContain(`"/${databaseRole(name)}"`);
      const url = JSON.stringify(functions[name].resource.Properties.Environment.Variables.DATABASE_URL);
      expect(url).toContain(`postgres://${databaseRole(name)}@`);
    }
  });

  test('has one password, its owner’s, which RDS makes and renews, and migrate alone reads it', () => {
    expect(cluster.Properties.ManageMasterUserPassword).toBe(true);
    expect(cluster.Properties).not.toHaveProperty('MasterUserPassword');
    const secret = functions.migrate.resource.Properties.Environment.Variables.DATABASE_SECRET_ARN;
    const holders = FUNCTION_NAMES.filter(
      (name) => functions[name].resource.Properties.Environment.Variables.DATABASE_SECRET_ARN,
    );
    expect(holders).toEqual(['migrate']);
    const readers = FUNCTION_NAMES.filter((name) =>
      statementsOf(stacks, name).some(({ Resource }) => JSON.stringify(Resource) === JSON.stringify(secret)),
    );
    expect(readers).toEqual(['migrate']);
  });

  test('logs to CloudWatch, including waits for locks, for as long as functions do', () => {
    expect(cluster.Properties.EnableCloudwatchLogsExports).toEqual(['postgresql']);
    expect(parameters.log_lock_waits).toBe('1');
    const calls = Object.values(app.findResources('Custom::AWS')).map(({ Properties }) =>
      JSON.stringify(Properties.Update),
    );
    const bounding = calls.filter((call) => call.includes('PutRetentionPolicy'));
    expect(bounding).toHaveLength(1);
    expect(bounding[0]).toContain('/postgresql');
    expect(bounding[0]).toContain(`retentionInDays\\":${STAGES[stage].logs.retention}`);
  });

  test('the sum of concurrency stays below its connections, and nothing is unbounded', () => {
    const reserved = Object.fromEntries(
      DATABASE_FUNCTIONS.map((name) => [
        name,
        functions[name].resource.Properties.ReservedConcurrentExecutions,
      ]),
    );
    const mappings = Object.values(app.findResources('AWS::Lambda::EventSourceMapping'));
    const fed = DATABASE_FUNCTIONS.filter((name) => JSON.stringify(mappings).includes(functions[name].id));
    expect(DATABASE_FUNCTIONS.filter((name) => reserved[name] === undefined)).toEqual(fed);

    const bounds: number[] = [
      ...Object.values(reserved).filter((bound) => bound !== undefined),
      ...mappings.map(({ Properties }) => Properties.ScalingConfig.MaximumConcurrency),
    ];
    const sandboxes = bounds.reduce((sum, bound) => sum + bound, 0);
    expect(2 * sandboxes).toBeLessThan(Number(parameters.max_connections));
  });
});

test('a stage whose functions could take more connections than there are is refused', () => {
  const { concurrency, ...rest } = STAGES.dev;
  const functions = { ...concurrency.functions, api: 200 };
  expect(() => assertConnectionsSuffice({ ...rest, concurrency: { ...concurrency, functions } })).toThrow(
    'lets 235 sandboxes run, which may need 490 connections; its database has 150',
  );
});

test('in prod the database can go back two weeks, and with secret and bucket survives the deletion of its stack', () => {
  const { data } = synthesized('prod');
  const cluster = only(data.findResources('AWS::RDS::DBCluster'));
  expect(cluster.Properties.DeletionProtection).toBe(true);
  expect(cluster.DeletionPolicy).toBe('Snapshot');
  expect(cluster.Properties.BackupRetentionPeriod).toBeGreaterThanOrEqual(14);
  expect(only(data.findResources('AWS::S3::Bucket')).DeletionPolicy).toBe('Retain');
  const [signingSecret] = Object.values(
    data.findResources('AWS::SecretsManager::Secret', {
      Properties: { GenerateSecretString: { PasswordLength: 64 } },
    }),
  );
  expect(signingSecret?.DeletionPolicy).toBe('Retain');
});

test('the artifacts bucket is private, encrypted and refuses requests without TLS', () => {
  const { data } = synthesized('dev');
  const { PublicAccessBlockConfiguration, BucketEncryption } = only(
    data.findResources('AWS::S3::Bucket'),
  ).Properties;
  expect(Object.values(PublicAccessBlockConfiguration)).toEqual([true, true, true, true]);
  expect(BucketEncryption.ServerSideEncryptionConfiguration).toHaveLength(1);
  expect(
    only(data.findResources('AWS::S3::BucketPolicy')).Properties.PolicyDocument.Statement,
  ).toContainEqual(
    expect.objectContaining({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
  );
});

function only(resources: Record<string, Resource>): Resource {
  const [resource, ...more] = Object.values(resources);
  if (!resource || more.length > 0) throw new Error(`Expected one, found ${Object.keys(resources).length}`);
  return resource;
}
