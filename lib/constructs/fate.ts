import { CfnDeletionPolicy, type CfnResource, RemovalPolicy } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';
import type { Stage } from '../stages.ts';

/** What becomes of a thing when its stack goes: kept where the stage keeps its data, removed elsewhere. */
export const fateOf = ({ keepsData }: Stage) => ({
  removalPolicy: keepsData ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
});

/** What becomes of a bucket when its stack goes. S3 deletes no bucket that holds something: where it goes, it is emptied first. */
export const fateOfBucket = (stage: Stage) => ({ ...fateOf(stage), autoDeleteObjects: !stage.keepsData });

/** Whatever the stage: a change of the template that replaces `holder` leaves the old one, with what it holds. */
export function outliveReplacement(holder: IConstruct): void {
  const resource = holder.node.defaultChild as CfnResource;
  resource.cfnOptions.updateReplacePolicy = CfnDeletionPolicy.RETAIN;
}
