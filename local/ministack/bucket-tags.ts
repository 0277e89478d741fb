import { CloudFormationClient, DescribeStackResourceCommand } from '@aws-sdk/client-cloudformation';
import { PutBucketTaggingCommand, S3Client, type Tag } from '@aws-sdk/client-s3';
import { readAssembly } from '../template/assembly.ts';
import { REGION } from '../template/physical.ts';
import { CREDENTIALS } from './cdk.ts';

/**
 * Sets the template's tags on the deployed buckets, because the emulator's CloudFormation drops them. The CDK library's
 * function empties a bucket only if it has one of these tags.
 */
export async function tagBuckets(assembly: string, endpoint: string): Promise<void> {
  const options = { endpoint, region: REGION, credentials: CREDENTIALS };
  const cloudFormation = new CloudFormationClient(options);
  const s3 = new S3Client({ ...options, forcePathStyle: true });
  for (const { type, stack, logicalId, properties } of readAssembly(assembly).resources) {
    if (type !== 'AWS::S3::Bucket') continue;
    const command = new DescribeStackResourceCommand({ StackName: stack, LogicalResourceId: logicalId });
    const { StackResourceDetail } = await cloudFormation.send(command);
    const Tagging = { TagSet: properties.Tags as Tag[] };
    await s3.send(new PutBucketTaggingCommand({ Bucket: StackResourceDetail?.PhysicalResourceId, Tagging }));
  }
}
