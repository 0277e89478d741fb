import { CfnResource, type Stack } from 'aws-cdk-lib';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Stage } from '../../stages.ts';
import { CeleriacFunction } from '../function.ts';
import { removalPolicyOf } from '../removal-policy.ts';

/**
 * Adds a log group for the library's own functions, which call ours during a deployment. Without it, they would write
 * into groups that Lambda creates outside of any stack and keeps for ever. Call it after all other resources have been
 * added.
 */
export function deploymentLog(stack: Stack, stage: Stage): void {
  const foreign = stack.node
    .findAll()
    .filter((child) => CfnResource.isCfnResource(child) && child.cfnResourceType === 'AWS::Lambda::Function')
    .filter((child) => !(child.node.scope instanceof CeleriacFunction)) as CfnResource[];
  if (foreign.length === 0) return;
  const logGroup = new LogGroup(stack, 'DeploymentLog', {
    retention: stage.logs.retention,
    ...removalPolicyOf(stage),
  });
  for (const fn of foreign) fn.addPropertyOverride('LoggingConfig.LogGroup', logGroup.logGroupName);
}
