import type { Bucket, Head, Part } from '../tasks/artifacts/bucket.ts';
import { etagOf, type ObjectMethod, readParts, requestObject } from '../tasks/artifacts/transfer.ts';
import { contentDisposition } from './content-disposition.ts';
import { type Credentials, presign, type SignedRequest } from './presign.ts';

export type BucketAddress = {
  /** Endpoint of S3, without a trailing slash. The bucket is the first part of the path. */
  endpoint: string;
  region: string;
  bucket: string;
  credentials: Credentials;
};

/** Lifetime of the presigned URLs that this module uses itself, immediately. */
const OWN_SECONDS = 60;

type AskOptions<Taken> = {
  take: (answer: Response) => Taken | Promise<Taken>;
  signal?: AbortSignal | undefined;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
  query?: Record<string, string>;
};

/**
 * Objects in an S3 bucket. Uses a few kinds of requests and its own signature, because the SDK's client would be half of a
 * function's bundle.
 */
export function bucketArtifacts({ endpoint, region, bucket, credentials }: BucketAddress): Bucket {
  const address = (
    method: SignedRequest['method'],
    key: string,
    more: Pick<SignedRequest, 'query' | 'headers'> & { expiresSeconds?: number } = {},
  ) =>
    presign(
      { method, endpoint, path: `/${bucket}/${key}`, expiresSeconds: OWN_SECONDS, ...more },
      { credentials, region },
    );

  /** Sends a request about an object. See `requestObject` for returns and errors. */
  const ask = <Taken>(
    method: ObjectMethod,
    key: string,
    { query, ...sent }: AskOptions<Taken>,
  ): Promise<Taken | undefined> =>
    requestObject({ method, address: () => address(method, key, query && { query }), ...sent });
  const head = (key: string, signal?: AbortSignal) => ask('HEAD', key, { take: headOf, signal });
  const isThere = <Taken>(done: Taken | undefined): Taken => {
    if (done === undefined) throw new Error(`There is no bucket ${bucket}`);
    return done;
  };

  return {
    presignUpload: (key, bytes, expiresSeconds) =>
      address('PUT', key, { expiresSeconds, headers: { 'content-length': String(bytes) } }),
    presignContent(key, { bytes, sha256, mediaType, part }, expiresSeconds) {
      const headers = {
        'x-amz-checksum-sha256': base64(sha256),
        ...(mediaType !== undefined && { 'content-type': mediaType }),
      };
      const url = address('PUT', key, {
        expiresSeconds,
        headers: { ...headers, 'content-length': String(bytes) },
        ...(part && { query: { partNumber: String(part.number), uploadId: part.uploadId } }),
      });
      return { url, headers };
    },
    presignDownload: (key, fileName, expiresSeconds) =>
      address('GET', key, {
        expiresSeconds,
        query: { 'response-content-disposition': contentDisposition(fileName) },
      }),
    head,
    async readStream(key, signal) {
      const found = await head(key, signal);
      if (!found) return undefined;
      return {
        ...found,
        content: readParts(() => address('GET', key), { ...found, signal }),
      };
    },
    async put(key, content, contentType) {
      const headers = { 'content-type': contentType };
      isThere(await ask('PUT', key, { take: () => true, body: content, headers }));
    },
    async remove(key) {
      await ask('DELETE', key, { take: dropped });
    },
    async beginParts(key, mediaType) {
      const answer = await ask('POST', key, {
        take: textOf,
        query: { uploads: '' },
        headers: { 'content-type': mediaType, 'x-amz-checksum-algorithm': 'SHA256' },
      });
      const [, uploadId] = /<UploadId>([^<]+)<\/UploadId>/.exec(isThere(answer)) ?? [];
      if (uploadId === undefined) throw new Error(`S3 began no upload of ${key}`);
      return uploadId;
    },
    async completeParts(key, uploadId, parts) {
      const answer = await ask('POST', key, {
        take: textOf,
        query: { uploadId },
        headers: { 'content-type': 'application/xml' },
        body: listOf(parts),
      });
      // An earlier try may have completed the upload, which S3 then no longer knows.
      if (answer === undefined && !(await head(key))) throw new Error(`The upload of ${key} is gone`);
      // S3 begins its answer before it is done, so an error may have the status 200.
      if (answer?.includes('<Error>')) throw new Error(`S3 did not complete ${key}: ${answer.slice(0, 500)}`);
    },
    async abortParts(key, uploadId) {
      await ask('DELETE', key, { take: dropped, query: { uploadId } });
    },
  };
}

function listOf(parts: readonly Part[]): string {
  const each = parts.map(
    ({ etag, sha256 }, at) =>
      `<Part><PartNumber>${at + 1}</PartNumber><ETag>${etag}</ETag><ChecksumSHA256>${base64(sha256)}</ChecksumSHA256></Part>`,
  );
  return `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${each.join('')}</CompleteMultipartUpload>`;
}

const base64 = (hexadecimal: string) => Buffer.from(hexadecimal, 'hex').toString('base64');

const textOf = (answer: Response) => answer.text();
const dropped = (answer: Response) => answer.body?.cancel();
const headOf = (answer: Response): Head => ({
  bytes: Number(answer.headers.get('content-length')),
  etag: etagOf(answer),
});
