import { Stack } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { CfnPermission } from 'aws-cdk-lib/aws-lambda';
import { CfnRotationSchedule, type Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import type { CeleriacFunction } from './function.ts';

export type KeyRotationProps = {
  secret: Secret;
  /** Encrypts the secret, if the stage has a key of its own. */
  key: IKey | undefined;
  rotator: CeleriacFunction;
  everyDays: number;
};

/**
 * Lets Secrets Manager renew a secret with `rotator`, on schedule. The previous value stays readable as AWSPREVIOUS, and
 * signatures made with it stay valid.
 *
 * Does not use the library's own schedule, because it would also allow the rotation to make passwords anywhere in the
 * account.
 */
export class KeyRotation extends Construct {
  constructor(scope: Construct, id: string, { secret, key, rotator, everyDays }: KeyRotationProps) {
    super(scope, id);
    if (key) {
      rotator.addToRolePolicy(
        new PolicyStatement({ actions: ['kms:Decrypt', 'kms:GenerateDataKey'], resources: [key.keyArn] }),
      );
    }
    rotator.addToRolePolicy(
      new PolicyStatement({
        actions: [
          'secretsmanager:DescribeSecret',
          'secretsmanager:GetSecretValue',
          'secretsmanager:PutSecretValue',
          'secretsmanager:UpdateSecretVersionStage',
        ],
        resources: [secret.secretArn],
      }),
    );
    rotator.addPermission('Rotation', {
      principal: new ServicePrincipal('secretsmanager.amazonaws.com'),
      sourceAccount: Stack.of(this).account,
      sourceArn: secret.secretArn,
    });
    const schedule = new CfnRotationSchedule(this, 'Schedule', {
      secretId: secret.secretArn,
      rotationLambdaArn: rotator.functionArn,
      rotationRules: { automaticallyAfterDays: everyDays },
      // The first value is as new as the deployment, so it need not be rotated.
      rotateImmediatelyOnUpdate: false,
    });
    schedule.addResourceDependency(rotator.node.findChild('Rotation') as CfnPermission);
  }
}
