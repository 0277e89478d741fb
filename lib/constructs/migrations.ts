import { Duration } from 'aws-cdk-lib';
import { Trigger } from 'aws-cdk-lib/triggers';
import { Construct } from 'constructs';
import { FUNCTIONS } from '../functions.ts';
import type { CeleriacFunction } from './function.ts';

/**
 * Runs `migrate` once in every deployment that changes it, and before any of `functions` is made or updated. When
 * it fails, the deployment fails and nothing else has changed.
 */
export class Migrations extends Construct {
  constructor(
    scope: Construct,
    id: string,
    { migrate, before }: { migrate: CeleriacFunction; before: readonly CeleriacFunction[] },
  ) {
    super(scope, id);
    new Trigger(this, 'Run', {
      handler: migrate,
      timeout: Duration.seconds(FUNCTIONS.migrate.timeoutSeconds),
      // The rules that let it through to the database belong to its security group.
      executeAfter: [migrate, ...migrate.connections.securityGroups],
      executeBefore: [...before],
    });
  }
}
