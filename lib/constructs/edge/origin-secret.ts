import { RemovalPolicy, type SecretValue, Validations } from 'aws-cdk-lib';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import type { CeleriacFunction } from '../function.ts';

/** What the front door sends with every request, and nobody else knows. */
export const ORIGIN_HEADER = 'x-origin-verify';

/** The client's address, as the front door's function at the edge writes it. */
export const ADDRESS_HEADER = 'x-client-address';

/** By which the APIs tell a request of the front door from one that goes around it. */
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

  /** Lets `fn` compare, and tells it with what. */
  grantCheck(fn: CeleriacFunction): void {
    this.secret.grantRead(fn);
    fn.addEnvironment('ORIGIN_SECRET_ARN', this.secret.secretArn);
  }

  /** For a property that CloudFormation fills in at deployment; the template holds a reference only. */
  get value(): SecretValue {
    return this.secret.secretValue;
  }
}
