import { Stack, type StackProps, Validations } from 'aws-cdk-lib';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import { Artifacts } from './constructs/artifacts.ts';
import { Database } from './constructs/database.ts';
import { fateOf, outliveReplacement } from './constructs/fate.ts';
import { Network } from './constructs/network.ts';
import { assertConnectionsSuffice, type Stage } from './stages.ts';

/**
 * What must not be lost, and the network it lies in. The other stack can be deleted and made again.
 *
 * The logical ids of what holds data are pinned by a test: CloudFormation takes a renamed thing for another one, makes
 * the new one empty, and deletes the old one.
 */
export class DataStack extends Stack {
  readonly network: Network;
  readonly database: Database;
  /** At least 64 random letters and digits, of which the key that signs access tokens is derived. */
  readonly signingSecret: Secret;
  readonly artifacts: Artifacts;

  constructor(scope: Construct, id: string, { stage, ...props }: StackProps & { stage: Stage }) {
    super(scope, id, props);
    assertConnectionsSuffice(stage);
    this.network = new Network(this, 'Network', stage);
    this.database = new Database(this, 'Database', { stage, vpc: this.network.vpc });
    this.signingSecret = new Secret(this, 'SigningSecret', {
      description: `Celeriac ${stage.name}: signs access tokens`,
      generateSecretString: { passwordLength: 64, excludePunctuation: true },
      ...fateOf(stage),
    });
    this.artifacts = new Artifacts(this, 'Artifacts', { stage });
    for (const holder of [this.signingSecret, this.artifacts]) outliveReplacement(holder);
    Validations.of(this.signingSecret).acknowledge({
      id: 'AwsSolutions-SMG4',
      reason: 'It is rotated: by a schedule in the stack of the function that does it',
    });
  }
}
