import { RemovalPolicy, type SecretValue, Validations } from 'aws-cdk-lib';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import type { CeleriacFunction } from '../function.ts';

/** Header that the front door sends with every request. Only the front door knows its value. */
export const ORIGIN_HEADER = 'x-origin-verify';

/** Header with the client's address. The front door's function at the edge writes it. */
export const ADDRESS_HEADER = 'x-client-address';

/** The secret by which the APIs tell a request through the front door from a request that bypasses it. */
export class OriginSecret extends Construct {
  private readonly secret: Secret;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.secret = new Secret(this, 'Secret', {
      description: `The value of ${ORIGIN_HEADER} between front door and APIs`,
      generateSecretString: { passwordLength: 48, excludePunctuation: true },
      removalPolicy: RemovalPolicy.DESTROY,
    });
    Validations.of(this.secret).acknowledge({
      id: 'AwsSolutions-SMG4',
      reason:
        'Renewed by hand (runbook): it gives no access to anything, and CloudFront only takes a new one by a deployment',
    });
  }

  /** Lets `fn` read the secret to check requests, and sets its variable with the secret's ARN. */
  grantCheck(fn: CeleriacFunction): void {
    this.secret.grantRead(fn);
    fn.addEnvironment('ORIGIN_SECRET_ARN', this.secret.secretArn);
  }

  /**
   * Returns the secret's value for a property that CloudFormation fills in at deployment. The template contains only a
   * reference.
   */
  get value(): SecretValue {
    return this.secret.secretValue;
  }
}
