import { Stack, type StackProps, Validations } from 'aws-cdk-lib';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import { Artifacts } from '../constructs/artifacts.ts';
import { Database } from '../constructs/database/database.ts';
import { Network } from '../constructs/network.ts';
import { deploymentLog } from '../constructs/observability/deployment-log.ts';
import { outliveReplacement, removalPolicyOf } from '../constructs/removal-policy.ts';
import { assertConnectionsSuffice, type Stage } from '../stages.ts';

/**
 * Everything that must not be lost, and its network. The app stack can be deleted and created again.
 *
 * A test pins the logical ids of the resources that hold data: CloudFormation takes a renamed resource for another one,
 * creates an empty new one, and deletes the old one.
 */
export class DataStack extends Stack {
  readonly network: Network;
  readonly database: Database;
  /** At least 64 random letters and digits, from which the key that signs access tokens is derived. */
  readonly signingSecret: Secret;
  readonly artifacts: Artifacts;
  /** Encrypts all data, if the stage has a key of its own. */
  readonly key: Key | undefined;

  constructor(scope: Construct, id: string, { stage, ...props }: StackProps & { stage: Stage }) {
    super(scope, id, props);
    assertConnectionsSuffice(stage);
    this.network = new Network(this, 'Network', stage);
    this.key = stage.ownKey ? dataKey(this, stage) : undefined;
    this.database = new Database(this, 'Database', { stage, vpc: this.network.vpc, key: this.key });
    // A network that does not lead out fails the deployment within minutes, before the database is created.
    this.database.node.addDependency(...this.network.wayOut);
    this.signingSecret = new Secret(this, 'SigningSecret', {
      description: `Celeriac ${stage.name}: signs access tokens`,
      generateSecretString: { passwordLength: 64, excludePunctuation: true },
      ...(this.key && { encryptionKey: this.key }),
      ...removalPolicyOf(stage),
    });
    this.artifacts = new Artifacts(this, 'Artifacts', { stage, key: this.key });
    deploymentLog(this, stage);
    for (const holder of [this.signingSecret, this.artifacts]) outliveReplacement(holder);
    Validations.of(this.signingSecret).acknowledge({
      id: 'AwsSolutions-SMG4',
      reason: 'It is rotated: by a schedule in the stack of the function that does it',
    });
  }
}

/**
 * Creates the key of the data. Without the key, the data are lost, so a stage that keeps its data also keeps the key when
 * the stack is deleted.
 */
function dataKey(scope: Construct, stage: Stage): Key {
  return new Key(scope, 'Key', {
    description: `Celeriac ${stage.name}: data at rest`,
    enableKeyRotation: true,
    ...removalPolicyOf(stage),
  });
}
