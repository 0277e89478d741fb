import { Aws, Duration, Stack, Validations } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { BlockPublicAccess, Bucket, BucketEncryption, HttpMethods } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import type { Stage } from '../stages.ts';
import type { CeleriacFunction } from './function.ts';
import { bucketRemovalPolicyOf } from './removal-policy.ts';

/** Files that clients upload for an import. */
const UPLOADS = 'uploads/*';

/** Files of organizations, which clients upload and tasks create. */
const ARTIFACTS = 'artifacts/*';

/** Files that tasks write: reports of imports, and results that are too large for a row. */
const WRITTEN = ['reports/*', 'results/*'] as const;

/** Actions for which S3 uses the key of the bucket in the name of the caller. */
const NEEDS_KEY = ['s3:PutObject', 's3:GetObject'];

/** Results and inputs of tasks that are too large for a row. Clients reach single objects by URLs that expire. */
export class Artifacts extends Bucket {
  constructor(scope: Construct, id: string, { stage, key }: { stage: Stage; key?: IKey | undefined }) {
    super(scope, id, {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      // With a key of the bucket, S3 needs no KMS call for each object.
      ...(key
        ? { encryption: BucketEncryption.KMS, encryptionKey: key, bucketKeyEnabled: true }
        : { encryption: BucketEncryption.S3_MANAGED }),
      enforceSSL: true,
      lifecycleRules: [
        // By then, an upload is imported or abandoned.
        { prefix: 'uploads/', expiration: Duration.days(1) },
        { prefix: 'reports/', expiration: Duration.days(30) },
        // Deletes results that no row names any more. Longer than the longest time that an organization may keep a task.
        { prefix: 'results/', expiration: Duration.days(3_651) },
        // Deletes files whose row is gone. Longer than the longest time that an organization may keep an artifact.
        { prefix: 'artifacts/', expiration: Duration.days(3_651) },
        { abortIncompleteMultipartUploadAfter: Duration.days(1) },
      ],
      cors: [
        {
          // Any page may use such a URL: the URL itself is the permission, and cookies have no effect.
          allowedOrigins: ['*'],
          allowedMethods: [HttpMethods.PUT, HttpMethods.GET],
          allowedHeaders: ['*'],
          exposedHeaders: ['ETag'],
          maxAge: 3600,
        },
      ],
      ...bucketRemovalPolicyOf(stage),
    });
    Validations.of(this).acknowledge({
      id: 'AwsSolutions-S1',
      reason:
        'Nobody but functions and who has an address of theirs may read or write it, and they log what they do',
    });
  }

  /**
   * Lets `fn` sign URLs for uploads, for artifacts, and for files that tasks have written. A signed URL gives only rights that its signer
   * has.
   */
  grantAddresses(fn: CeleriacFunction): void {
    this.grant(fn, 's3:PutObject', [UPLOADS, ARTIFACTS]);
    this.grant(fn, 's3:GetObject', [UPLOADS, ARTIFACTS, ...WRITTEN]);
  }

  /**
   * Lets `fn` read and delete uploads, write, read and delete the files of tasks, and write and read artifacts. The right to write
   * is also the right to send an object in parts.
   */
  grantTaskData(fn: CeleriacFunction): void {
    this.grant(fn, 's3:GetObject', [UPLOADS, ARTIFACTS, ...WRITTEN]);
    this.grant(fn, 's3:DeleteObject', [UPLOADS, ...WRITTEN]);
    this.grant(fn, 's3:PutObject', [ARTIFACTS, ...WRITTEN]);
    this.grant(fn, 's3:AbortMultipartUpload', [ARTIFACTS]);
  }

  /** Lets `fn` delete expired results, artifacts and uploads, and check if an upload exists. */
  grantPurge(fn: CeleriacFunction): void {
    this.grant(fn, 's3:GetObject', [UPLOADS]);
    this.grant(fn, 's3:DeleteObject', [UPLOADS, ARTIFACTS, 'results/*']);
  }

  private grant(fn: CeleriacFunction, action: string, patterns: readonly string[]): void {
    fn.addEnvironment('ARTIFACTS_BUCKET', this.bucketName);
    fn.addEnvironment('AWS_ENDPOINT_URL_S3', `https://s3.${Aws.REGION}.${Aws.URL_SUFFIX}`);
    fn.addToRolePolicy(
      new PolicyStatement({
        actions: [action],
        resources: patterns.map((pattern) => this.arnForObjects(pattern)),
      }),
    );
    if (this.encryptionKey && NEEDS_KEY.includes(action)) {
      const encrypting = action === 's3:PutObject' ? 'kms:GenerateDataKey' : 'kms:Decrypt';
      fn.addToRolePolicy(
        new PolicyStatement({ actions: [encrypting], resources: [this.encryptionKey.keyArn] }),
      );
    }
    const stack = Stack.of(this);
    const { 'Fn::ImportValue': exported } = stack.resolve(stack.exportValue(this.bucketArn));
    Validations.of(fn.role ?? fn).acknowledge(
      ...patterns.map((pattern) => ({
        id: `AwsSolutions-IAM5[Resource::${exported}/${pattern}]`,
        reason: 'Objects under that name, whose keys are made when tasks and uploads come',
      })),
    );
    // Without this right, S3 answers 403 instead of 404 for a missing object.
    if (action === 's3:GetObject')
      fn.addToRolePolicy(new PolicyStatement({ actions: ['s3:ListBucket'], resources: [this.bucketArn] }));
  }
}
