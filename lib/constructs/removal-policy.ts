import { CfnDeletionPolicy, type CfnResource, RemovalPolicy } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';
import type { Stage } from '../stages.ts';

/** Returns the removal policy of a resource that holds data: retained where the stage keeps its data, deleted elsewhere. */
export const removalPolicyOf = ({ keepsData }: Stage) => ({
  removalPolicy: keepsData ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
});

/** Returns the removal policy of a bucket. S3 deletes only empty buckets, so a bucket that will be deleted is emptied first. */
export const bucketRemovalPolicyOf = (stage: Stage) => ({
  ...removalPolicyOf(stage),
  autoDeleteObjects: !stage.keepsData,
});

/** Makes CloudFormation keep the old resource with its data when a change of the template replaces `holder`, in every stage. */
export function outliveReplacement(holder: IConstruct): void {
  const resource = holder.node.defaultChild as CfnResource;
  resource.cfnOptions.updateReplacePolicy = CfnDeletionPolicy.RETAIN;
}
