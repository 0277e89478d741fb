import { GetObjectCommand, NoSuchKey, S3Client } from '@aws-sdk/client-s3';
import type { Origins } from '../emulators/cloudfront/front-door.ts';
import { REGION } from '../template/physical.ts';
import { CREDENTIALS } from './cdk.ts';

/** The file for `/`, like the distribution's default root object. */
const ENTRANCE = 'index.html';

/**
 * Serves the files of a bucket of the emulator.
 *
 * @param headers headers that the deployed front door adds to the files
 */
export function bucketFiles(
  endpoint: string,
  Bucket: string,
  headers: Readonly<Record<string, string>>,
): Origins['files'] {
  const s3 = new S3Client({ endpoint, region: REGION, credentials: CREDENTIALS, forcePathStyle: true });
  return async (request, response) => {
    request.resume();
    const refuse = (status: number) => void response.writeHead(status, headers).end();
    if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(405);
    const Key = (request.url ?? '/').split('?')[0]?.slice(1) || ENTRANCE;
    try {
      const file = await s3.send(new GetObjectCommand({ Bucket, Key }));
      const content = await file.Body?.transformToByteArray();
      response.writeHead(200, {
        ...headers,
        'content-type': file.ContentType,
        'cache-control': file.CacheControl,
      });
      response.end(request.method === 'HEAD' ? undefined : content);
    } catch (error) {
      refuse(error instanceof NoSuchKey ? 404 : 502);
    }
  };
}
