import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { CeleriacFunction } from './function.ts';

/**
 * Lets `fn` read a secret, and decrypt it if it has a key of its own.
 *
 * Does not use the library's own grant: it would name the function's role in the key's policy, and so make the data stack
 * depend on the app stack.
 */
export function grantSecret(fn: CeleriacFunction, secretArn: string, key: IKey | undefined): void {
  fn.addToRolePolicy(
    new PolicyStatement({
      actions: ['secretsmanager:GetSecretValue', 'secretsmanager:DescribeSecret'],
      resources: [secretArn],
    }),
  );
  if (key) fn.addToRolePolicy(new PolicyStatement({ actions: ['kms:Decrypt'], resources: [key.keyArn] }));
}
