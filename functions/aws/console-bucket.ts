import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { PutFile } from '../console/publish.ts';

/** Stores the console's files in a bucket. */
export function bucketPutter(client: S3Client, Bucket: string): PutFile {
  return async ({ path, content, contentType, cacheControl }) => {
    await client.send(
      new PutObjectCommand({
        Bucket,
        Key: path,
        Body: content,
        ContentType: contentType,
        CacheControl: cacheControl,
      }),
    );
  };
}
