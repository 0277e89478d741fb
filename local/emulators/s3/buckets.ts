import type { IncomingMessage, ServerResponse } from 'node:http';
import { startLoopbackServer } from '../../process/loopback-server.ts';
import type { BucketSpec, CorsRule } from '../../template/deployment.ts';
import { namesThisMachine } from '../http/endpoint-guard.ts';
import { bucketCors } from './bucket-cors.ts';
import { S3Refusal, sendError } from './errors.ts';
import { Multipart } from './multipart.ts';
import { Objects } from './objects.ts';
import { signatureFault } from './signature.ts';

export interface Buckets {
  /** S3's address, without a trailing slash. */
  readonly endpoint: string;
  /** Sets the existing buckets with their CORS rules. Stored objects stay. */
  create(buckets: readonly BucketSpec[]): void;
  stop(): Promise<void>;
}

/**
 * Emulates S3 for the functions and their clients: GET (also of one range), HEAD, PUT and DELETE of objects, and uploads in parts,
 * by presigned URLs. Checks signature, expiry, signed headers and SHA-256 like S3. Objects are files of any size, streamed in both
 * directions.
 */
export async function startBuckets(options: {
  dataDir: string;
  /** The secret key with which the functions of this start sign. */
  secretAccessKey: string;
}): Promise<Buckets> {
  const rules = new Map<string, readonly CorsRule[]>();
  const objects = new Objects(options.dataDir);
  const multipart = new Multipart(options.dataDir, objects);
  await Promise.all([objects.removeUnfinished(), multipart.removeOld()]);
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (!namesThisMachine(request.headers.host))
      throw new S3Refusal(403, 'AccessDenied', 'Another host is named');
    const url = new URL(request.url ?? '/', `http://${request.headers.host}`);
    const [, bucket = '', ...rest] = url.pathname.split('/').map(decodeURIComponent);
    const key = rest.join('/');
    const cors = rules.get(bucket);
    if (!cors || key === '' || rest.some((part) => part === '..' || part === '.'))
      throw new S3Refusal(404, 'NoSuchBucket', 'The specified bucket does not exist');
    if (bucketCors(cors, request, response)) return;
    const fault = await signatureFault(request, url, options.secretAccessKey);
    if (fault) return sendError(response, fault);
    await perform({ bucket, key, query: url.searchParams }, request, response);
  };

  const perform = async (
    place: { bucket: string; key: string; query: URLSearchParams },
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> => {
    const { bucket, key, query } = place;
    const uploadId = query.get('uploadId');
    const upload = uploadId === null ? undefined : { bucket, key, uploadId };
    switch (request.method) {
      case 'PUT': {
        const number = Number(query.get('partNumber'));
        return upload
          ? multipart.putPart({ ...upload, number }, request, response)
          : objects.put(place, request, response);
      }
      case 'POST':
        if (upload) return multipart.complete(upload, request, response);
        if (query.has('uploads')) return multipart.begin(place, request, response);
        break;
      case 'DELETE':
        return upload ? multipart.abort(upload, response) : objects.remove(bucket, key, response);
      case 'GET':
      case 'HEAD':
        return objects.send(place, request, response);
    }
    throw new S3Refusal(
      405,
      'MethodNotAllowed',
      'The specified method is not allowed against this resource.',
    );
  };

  const { url, stop } = await startLoopbackServer((request, response) => {
    void answer(request, response).catch((error) => {
      if (error instanceof S3Refusal && !response.headersSent) sendError(response, error.error);
      else response.destroy();
    });
  });
  return {
    endpoint: url,
    create: (buckets) => {
      for (const { name, corsRules } of buckets) rules.set(name, corsRules);
    },
    stop,
  };
}
