import {
  CfnCondition,
  CfnDeletionPolicy,
  CfnParameter,
  Duration,
  Fn,
  RemovalPolicy,
  Validations,
} from 'aws-cdk-lib';
import { type ISecurityGroup, type IVpc, SubnetType } from 'aws-cdk-lib/aws-ec2';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import {
  AuroraPostgresEngineVersion,
  type CfnDBCluster,
  ClusterInstance,
  Credentials,
  DatabaseCluster,
  DatabaseClusterEngine,
  ParameterGroup,
} from 'aws-cdk-lib/aws-rds';
import { StringParameter } from 'aws-cdk-lib/aws-ssm';
import { Construct } from 'constructs';
import type { Stage } from '../../stages.ts';

export const DATABASE_NAME = 'celeriac';
export const DATABASE_PORT = 5432;

/** Facts about the cluster that the app stack needs. They change when another cluster replaces it. */
export const DATABASE_FACTS = ['Identifier', 'ResourceId', 'Host', 'OwnerSecret'] as const;

type Fact = (typeof DATABASE_FACTS)[number];

/** Returns the name of the parameter that holds a fact, for example `/celeriac/prod/database/Host`. */
export const factParameter = (stage: Stage, fact: Fact) => `/celeriac/${stage.name}/database/${fact}`;

/**
 * The deployed and tested version. A test checks that the local Postgres and `local/compose.yaml` have the same major
 * version.
 */
export const ENGINE_VERSION = AuroraPostgresEngineVersion.VER_18_4;

/**
 * Aurora Serverless v2 Postgres. Functions log in by IAM. Only the owner, who migrates, has a password, which RDS makes
 * and renews.
 *
 * The app stack reads facts about the database from parameters, not from exports: CloudFormation refuses to change an
 * export that is in use, so a restored cluster could never replace a lost one. docs/operating.md describes the
 * replacement.
 */
export class Database extends Construct {
  readonly securityGroup: ISecurityGroup;

  constructor(
    scope: Construct,
    id: string,
    { stage, vpc, key }: { stage: Stage; vpc: IVpc; key?: IKey | undefined },
  ) {
    super(scope, id);
    const { minCapacity, maxCapacity, readers, maxConnections, backupDays } = stage.database;
    const engine = DatabaseClusterEngine.auroraPostgres({ version: ENGINE_VERSION });
    const cluster = new DatabaseCluster(this, 'Cluster', {
      engine,
      parameterGroup: new ParameterGroup(this, 'Parameters', {
        engine,
        description: `Celeriac ${stage.name}`,
        parameters: {
          'rds.force_ssl': '1',
          max_connections: String(maxConnections),
          // Logs a statement that waits for a lock for a second, with the holder of the lock.
          log_lock_waits: '1',
        },
      }),
      credentials: Credentials.fromUsername('celeriac_admin', key && { encryptionKey: key }),
      manageMasterUserPassword: true,
      defaultDatabaseName: DATABASE_NAME,
      port: DATABASE_PORT,
      iamAuthentication: true,
      storageEncrypted: true,
      ...(key && { storageEncryptionKey: key }),
      vpc,
      vpcSubnets: { subnetType: SubnetType.PRIVATE_ISOLATED },
      serverlessV2MinCapacity: minCapacity,
      serverlessV2MaxCapacity: maxCapacity,
      writer: ClusterInstance.serverlessV2('Writer', { publiclyAccessible: false }),
      readers: Array.from({ length: readers }, (_, index) =>
        ClusterInstance.serverlessV2(`Reader${index + 1}`, {
          publiclyAccessible: false,
          scaleWithWriter: true,
        }),
      ),
      backup: { retention: Duration.days(backupDays) },
      cloudwatchLogsExports: ['postgresql'],
      copyTagsToSnapshot: true,
      deletionProtection: stage.keepsData,
      removalPolicy: stage.keepsData ? RemovalPolicy.SNAPSHOT : RemovalPolicy.DESTROY,
    });
    const resource = cluster.node.defaultChild as CfnDBCluster;
    // Applies also where a deletion of the stack deletes the data: a mere change of the template never deletes them.
    resource.cfnOptions.updateReplacePolicy = CfnDeletionPolicy.SNAPSHOT;
    restorable(this, resource);
    Validations.of(resource).acknowledge({
      id: 'CloudFormation-Validate::W3688',
      reason: 'Only one of the two is ever there',
    });
    if (!stage.keepsData) {
      Validations.of(cluster).acknowledge({
        id: 'AwsSolutions-RDS10',
        reason: 'A stage that does not keep its data can be deleted with its stack',
      });
    }
    const [securityGroup] = cluster.connections.securityGroups;
    if (!securityGroup || !cluster.secret)
      throw new Error('A cluster in a network has a security group and a secret');
    this.securityGroup = securityGroup;
    const facts: Record<Fact, string> = {
      Identifier: cluster.clusterIdentifier,
      ResourceId: cluster.clusterResourceIdentifier,
      Host: cluster.clusterEndpoint.hostname,
      OwnerSecret: cluster.secret.secretArn,
    };
    for (const fact of DATABASE_FACTS) {
      new StringParameter(this, fact, {
        parameterName: factParameter(stage, fact),
        stringValue: facts[fact],
        description: 'Written by the data stack, read by the stack of the functions',
      });
    }
  }
}

/**
 * Lets a deployment create the cluster from a snapshot. This is a parameter of the template instead of a setting of the
 * app, because CloudFormation keeps it: a later deployment without the setting would replace the restored cluster by an
 * empty one.
 */
function restorable(scope: Construct, cluster: CfnDBCluster): void {
  const snapshot = new CfnParameter(scope, 'RestoreFrom', {
    description:
      'ARN of a cluster snapshot to make the database of. Empty: the database that is there, or a new one',
    default: '',
  });
  snapshot.overrideLogicalId('RestoreFrom');
  const isRestored = new CfnCondition(scope, 'IsRestored', {
    expression: Fn.conditionNot(Fn.conditionEquals(snapshot.valueAsString, '')),
  });
  const { logicalId } = isRestored;
  const fresh = (value: unknown) => ({ 'Fn::If': [logicalId, { Ref: 'AWS::NoValue' }, value] });
  cluster.addPropertyOverride('SnapshotIdentifier', {
    'Fn::If': [logicalId, snapshot.valueAsString, { Ref: 'AWS::NoValue' }],
  });
  // Both values come from the snapshot. RDS refuses them together with a snapshot.
  cluster.addPropertyOverride('MasterUsername', fresh(cluster.masterUsername));
  cluster.addPropertyOverride('DatabaseName', fresh(cluster.databaseName));
}
