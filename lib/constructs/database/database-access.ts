import { ArnFormat, CfnParameter, Stack } from 'aws-cdk-lib';
import { type IMetric, Metric, type MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import { Connections, Port } from 'aws-cdk-lib/aws-ec2';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { RDS_AUTHORITIES } from '../../rds-authorities.ts';
import type { Stage } from '../../stages.ts';
import type { CeleriacFunction } from '../function.ts';
import { grantSecret } from '../secret-access.ts';
import { DATABASE_FACTS, DATABASE_NAME, DATABASE_PORT, type Database, factParameter } from './database.ts';

/** Lambda unpacks the code of a function into this directory. */
const CA_FILE = `/var/task/${RDS_AUTHORITIES}`;

/** Connects functions to the database of the data stack, whichever cluster this is at the time of the deployment. */
export class DatabaseAccess extends Construct {
  /** Changes when another cluster replaces the database. */
  readonly resourceId: string;
  readonly identifier: string;

  private readonly host: string;
  private readonly ownerSecretArn: string;
  private readonly key: IKey | undefined;
  private readonly connections: Connections;

  constructor(
    scope: Construct,
    id: string,
    { stage, database, key }: { stage: Stage; database: Database; key?: IKey | undefined },
  ) {
    super(scope, id);
    const [identifier, resourceId, host, ownerSecret] = DATABASE_FACTS.map((fact) => {
      const parameter = new CfnParameter(this, fact, {
        type: 'AWS::SSM::Parameter::Value<String>',
        default: factParameter(stage, fact),
        description: 'A property of the database, written by the data stack',
      });
      return parameter.valueAsString;
    }) as [string, string, string, string];
    this.identifier = identifier;
    this.resourceId = resourceId;
    this.host = host;
    this.ownerSecretArn = ownerSecret;
    this.key = key;
    this.connections = new Connections({ securityGroups: [database.securityGroup] });
  }

  /** Returns the metric of the percentage of `maxCapacity` that the busiest instance uses. */
  utilization(options: MetricOptions): IMetric {
    return this.metric('ACUUtilization', options);
  }

  openConnections(options: MetricOptions): IMetric {
    return this.metric('DatabaseConnections', options);
  }

  /**
   * Returns the metric of the age, in transactions, of the oldest row that vacuum has not frozen. Postgres refuses to
   * write at two thousand million.
   */
  transactionAge(options: MetricOptions): IMetric {
    return this.metric('MaximumUsedTransactionIDs', options);
  }

  /** Lets `fn` log in by IAM as the database role `role` only, and sets its connection variables. */
  grantConnect(fn: CeleriacFunction, role: string): void {
    fn.addToRolePolicy(
      new PolicyStatement({
        actions: ['rds-db:connect'],
        resources: [
          Stack.of(this).formatArn({
            service: 'rds-db',
            resource: 'dbuser',
            resourceName: `${this.resourceId}/${role}`,
            arnFormat: ArnFormat.COLON_RESOURCE_NAME,
          }),
        ],
      }),
    );
    this.openTo(fn, `${role}@`);
  }

  /** Lets `fn` log in as the owner of the database, with the password in the secret, and sets its connection variables. */
  grantOwnership(fn: CeleriacFunction): void {
    grantSecret(fn, this.ownerSecretArn, this.key);
    fn.addEnvironment('DATABASE_SECRET_ARN', this.ownerSecretArn);
    this.openTo(fn, '');
  }

  private openTo(fn: CeleriacFunction, user: string): void {
    fn.connections.allowTo(this.connections, Port.tcp(DATABASE_PORT), 'Postgres');
    fn.addEnvironment('DATABASE_URL', `postgres://${user}${this.host}:${DATABASE_PORT}/${DATABASE_NAME}`);
    fn.addEnvironment('DATABASE_CA_FILE', CA_FILE);
  }

  private metric(metricName: string, options: MetricOptions): IMetric {
    const dimensionsMap = { DBClusterIdentifier: this.identifier };
    return new Metric({ namespace: 'AWS/RDS', metricName, dimensionsMap, ...options });
  }
}
