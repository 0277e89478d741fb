import { ArnFormat, Stack, Validations } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import {
  AwsCustomResource,
  AwsCustomResourcePolicy,
  type AwsSdkCall,
  PhysicalResourceId,
} from 'aws-cdk-lib/custom-resources';
import { Construct } from 'constructs';
import type { Stage } from '../../stages.ts';
import { acknowledgeCaller } from '../sdk-caller.ts';

/**
 * Limits the retention of the Postgres log. RDS creates the log group, under a name that contains the generated name of
 * the cluster, and would keep it for ever.
 *
 * Does not use the library's own way, because it grants the right to change the retention of every log of the account.
 */
export class DatabaseLog extends Construct {
  constructor(scope: Construct, id: string, { stage, cluster }: { stage: Stage; cluster: string }) {
    super(scope, id);
    const logGroupName = `/aws/rds/cluster/${cluster}/postgresql`;
    const call = (action: string, parameters: Record<string, unknown>): AwsSdkCall => ({
      service: '@aws-sdk/client-cloudwatch-logs',
      action,
      parameters: { logGroupName, ...parameters },
      physicalResourceId: PhysicalResourceId.of(logGroupName),
      ignoreErrorCodesMatching: 'ResourceAlreadyExistsException',
    });
    const arn = Stack.of(this).formatArn({
      service: 'logs',
      resource: 'log-group',
      resourceName: logGroupName,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    const policy = AwsCustomResourcePolicy.fromStatements([
      new PolicyStatement({
        actions: ['logs:CreateLogGroup', 'logs:PutRetentionPolicy'],
        resources: [arn, `${arn}:*`],
      }),
    ]);
    const made = new AwsCustomResource(this, 'Make', {
      onUpdate: call('CreateLogGroup', {}),
      installLatestAwsSdk: false,
      policy,
    });
    const bounded = new AwsCustomResource(this, 'Bound', {
      onUpdate: call('PutRetentionPolicy', { retentionInDays: stage.logs.retention }),
      installLatestAwsSdk: false,
      policy,
    });
    bounded.node.addDependency(made);
    const { Ref } = Stack.of(this).resolve(cluster);
    Validations.of(this).acknowledge({
      id: `AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:logs:<AWS::Region>:<AWS::AccountId>:log-group:/aws/rds/cluster/<${Ref}>/postgresql:*]`,
      reason: 'CloudWatch names a log group with what follows it, when it asks for this right',
    });
    acknowledgeCaller(this, bounded);
  }
}
