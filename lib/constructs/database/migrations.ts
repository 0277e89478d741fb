import type { CfnCustomResource } from 'aws-cdk-lib';
import { Trigger } from 'aws-cdk-lib/triggers';
import { Construct } from 'constructs';
import { type CeleriacFunction, patienceWith } from '../function.ts';
import type { DatabaseAccess } from './database-access.ts';

/**
 * Runs `migrate` once in every deployment that changes the migrations or the database, before any of `functions` is
 * created or updated. When `migrate` fails, the deployment fails and has changed nothing else.
 */
export class Migrations extends Construct {
  constructor(
    scope: Construct,
    id: string,
    {
      migrate,
      database,
      before,
    }: { migrate: CeleriacFunction; database: DatabaseAccess; before: readonly CeleriacFunction[] },
  ) {
    super(scope, id);
    const trigger = new Trigger(this, 'Run', {
      handler: migrate,
      timeout: patienceWith('migrate'),
      // The rules that give the function access to the database belong to its security group.
      executeAfter: [migrate, ...migrate.connections.securityGroups],
      executeBefore: [...before],
    });
    const resource = trigger.node.findChild('Default').node.defaultChild as CfnCustomResource;
    // A version keeps the environment with which it was published, and so the address of a database that may have been
    // replaced since.
    resource.addPropertyOverride('HandlerArn', `${migrate.functionArn}:$LATEST`);
    resource.addPropertyOverride('RunsAgainFor', [migrate.currentVersion.functionArn, database.resourceId]);
  }
}
