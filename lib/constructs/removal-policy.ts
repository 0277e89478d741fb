import { CfnDeletionPolicy, type CfnResource, RemovalPolicy } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';
import type { Stage } from '../stages.ts';

/** The removal policy of a resource that holds data: kept where the stage keeps its data, removed elsewhere. */
export const removalPolicyOf = ({ keepsData }: Stage) => ({
  removalPolicy: keepsData ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
});

/** The same for a bucket. S3 deletes no bucket that holds objects: a bucket that is removed is emptied first. */
export const bucketRemovalPolicyOf = (stage: Stage) => ({
  ...removalPolicyOf(stage),
  autoDeleteObjects: !stage.keepsData,
});

/** Whatever the stage: a change of the template that replaces `holder` leaves the old one, with what it holds. */
export function outliveReplacement(holder: IConstruct): void {
  const resource = holder.node.defaultChild as CfnResource;
  resource.cfnOptions.updateReplacePolicy = CfnDeletionPolicy.RETAIN;
}
