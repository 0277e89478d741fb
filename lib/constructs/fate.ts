import { RemovalPolicy } from 'aws-cdk-lib';
import type { Stage } from '../stages.ts';

/** What becomes of a thing when its stack goes: kept where the stage keeps its data, removed elsewhere. */
export const fateOf = ({ keepsData }: Stage) => ({
  removalPolicy: keepsData ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
});
