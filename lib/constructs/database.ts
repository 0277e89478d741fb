import { CfnDeletionPolicy, Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import type { IMetric, MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import { type IVpc, Port, SubnetType } from 'aws-cdk-lib/aws-ec2';
import {
  AuroraPostgresEngineVersion,
  type CfnDBCluster,
  ClusterInstance,
  Credentials,
  DatabaseCluster,
  DatabaseClusterEngine,
  ParameterGroup,
} from 'aws-cdk-lib/aws-rds';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import type { Stage } from '../stages.ts';
import type { CeleriacFunction } from './function.ts';

const DATABASE = 'celeriac';
const PORT = 5432;
/** Lambda's Node runtime brings Amazon's certificates, those of RDS among them, in this file. */
const CA_FILE = '/var/runtime/ca-cert.pem';

/** Aurora Serverless v2 Postgres. Functions log in by IAM; only the owner, who migrates, has a password. */
export class Database extends Construct {
  private readonly cluster: DatabaseCluster;
  private readonly ownerSecret: ISecret;

  constructor(scope: Construct, id: string, { stage, vpc }: { stage: Stage; vpc: IVpc }) {
    super(scope, id);
    const { minCapacity, maxCapacity, readers, maxConnections, backupDays } = stage.database;
    const engine = DatabaseClusterEngine.auroraPostgres({ version: AuroraPostgresEngineVersion.VER_17_9 });
    this.cluster = new DatabaseCluster(this, 'Cluster', {
      engine,
      parameterGroup: new ParameterGroup(this, 'Parameters', {
        engine,
        description: `Celeriac ${stage.name}`,
        parameters: {
          'rds.force_ssl': '1',
          max_connections: String(maxConnections),
        },
      }),
      credentials: Credentials.fromGeneratedSecret('celeriac_admin'),
      defaultDatabaseName: DATABASE,
      port: PORT,
      iamAuthentication: true,
      storageEncrypted: true,
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
      copyTagsToSnapshot: true,
      deletionProtection: stage.keepsData,
      removalPolicy: stage.keepsData ? RemovalPolicy.SNAPSHOT : RemovalPolicy.DESTROY,
    });
    // Also where a deletion of the stack takes the data along: a mere change of the template never does.
    const cluster = this.cluster.node.defaultChild as CfnDBCluster;
    cluster.cfnOptions.updateReplacePolicy = CfnDeletionPolicy.SNAPSHOT;
    if (!stage.keepsData) {
      Validations.of(this.cluster).acknowledge({
        id: 'AwsSolutions-RDS10',
        reason: 'A stage that does not keep its data can be deleted with its stack',
      });
    }
    const { secret } = this.cluster;
    if (!secret) throw new Error('A cluster with generated credentials has a secret');
    this.ownerSecret = secret;
    // The generated secret, and not its attachment to the cluster, which `secret` is.
    Validations.of(this.cluster.node.findChild('Secret')).acknowledge({
      id: 'AwsSolutions-SMG4',
      reason: 'The owner logs in at deployments only, from inside the network; renewed by hand (runbook)',
    });
  }

  /** Per cent of `maxCapacity` that the busiest instance takes. */
  utilization(options: MetricOptions): IMetric {
    return this.cluster.metricACUUtilization(options);
  }

  connections(options: MetricOptions): IMetric {
    return this.cluster.metricDatabaseConnections(options);
  }

  /** Lets `fn` log in as the database role `role`, by IAM and as no other, and tells it where. */
  grantConnect(fn: CeleriacFunction, role: string): void {
    this.cluster.grantConnect(fn, role);
    this.openTo(fn, `${role}@`);
  }

  /** Lets `fn` log in as the owner of the database, with the password of the secret, and tells it where. */
  grantOwnership(fn: CeleriacFunction): void {
    this.ownerSecret.grantRead(fn);
    fn.addEnvironment('DATABASE_SECRET_ARN', this.ownerSecret.secretArn);
    this.openTo(fn, '');
  }

  private openTo(fn: CeleriacFunction, user: string): void {
    fn.connections.allowTo(this.cluster, Port.tcp(PORT), 'Postgres');
    fn.addEnvironment(
      'DATABASE_URL',
      `postgres://${user}${this.cluster.clusterEndpoint.hostname}:${PORT}/${DATABASE}`,
    );
    fn.addEnvironment('DATABASE_CA_FILE', CA_FILE);
  }
}
