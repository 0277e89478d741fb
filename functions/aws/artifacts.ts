import { setTimeout as sleep } from 'node:timers/promises';
import { type Credentials, presign, type SignedRequest } from './presign.ts';

/** What is too large for a row. Keys are paths: `uploads/<organization>/<id>`. */
export type Artifacts = {
  /**
   * An address to which anybody may PUT this object, until it expires.
   *
   * @param bytes the object's length, exactly: another one is refused
   */
  presignUpload: (key: string, bytes: number, expiresSeconds: number) => string;
  /** An address from which anybody may GET this object, until it expires. @param fileName as which a browser saves it */
  presignDownload: (key: string, fileName: string, expiresSeconds: number) => string;
  /** An object's length in bytes; undefined when there is none. */
  size: (key: string) => Promise<number | undefined>;
  /** An object from its beginning; undefined when there is none. What breaks off later rejects while it is read. */
  readStream: (key: string, signal?: AbortSignal) => Promise<AsyncIterable<Uint8Array> | undefined>;
  put: (key: string, content: string | Uint8Array, contentType: string) => Promise<void>;
  /** Not having been there is no error. */
  remove: (key: string) => Promise<void>;
};

export type BucketAddress = {
  /** S3's, without a trailing slash; objects are addressed by path. */
  endpoint: string;
  region: string;
  bucket: string;
  credentials: Credentials;
};

/** Every request here may be repeated. */
const TRIES = 3;

/** Milliseconds before the second try; twice that before the third. */
const PAUSE = 100;

/** Until an answer begins. */
const ANSWER_SECONDS = 10;

/** How long the addresses live that are used at once. */
const OWN_SECONDS = 60;

type Content = { content: string | Uint8Array; contentType: string };

/** Objects in an S3 bucket. Four requests and a signature: the SDK's client would be half of a function's bundle. */
export function bucketArtifacts({ endpoint, region, bucket, credentials }: BucketAddress): Artifacts {
  const address = (
    method: SignedRequest['method'],
    key: string,
    expiresSeconds: number,
    more: Pick<SignedRequest, 'query' | 'headers'> = {},
  ) => presign({ method, endpoint, path: `/${bucket}/${key}`, expiresSeconds, ...more }, credentials, region);

  /**
   * @returns undefined for what is not there
   * @throws when S3 does not answer, or with neither success nor 404
   */
  const ask = async (
    method: SignedRequest['method'],
    key: string,
    { signal, sent }: { signal?: AbortSignal | undefined; sent?: Content } = {},
  ): Promise<Response | undefined> => {
    for (let tries = 1; ; tries += 1) {
      const patience = new AbortController();
      const timer = setTimeout(() => patience.abort(new Error('S3 does not answer')), ANSWER_SECONDS * 1000);
      try {
        const answer = await fetch(address(method, key, OWN_SECONDS), {
          method,
          signal: signal ? AbortSignal.any([signal, patience.signal]) : patience.signal,
          ...(sent && { body: sent.content, headers: { 'content-type': sent.contentType } }),
        });
        if (answer.ok) return answer;
        const why = await answer.text();
        if (answer.status === 404) return undefined;
        throw new Error(`S3 answered ${answer.status} to ${method} ${key}: ${why.slice(0, 500)}`);
      } catch (error) {
        if (tries === TRIES || signal?.aborted) throw error;
      } finally {
        clearTimeout(timer);
      }
      await sleep(PAUSE * tries);
    }
  };

  return {
    presignUpload: (key, bytes, expiresSeconds) =>
      address('PUT', key, expiresSeconds, { headers: { 'content-length': String(bytes) } }),
    presignDownload: (key, fileName, expiresSeconds) =>
      address('GET', key, expiresSeconds, {
        query: { 'response-content-disposition': `attachment; filename="${fileName}"` },
      }),
    async size(key) {
      const answer = await ask('HEAD', key);
      return answer && Number(answer.headers.get('content-length'));
    },
    async readStream(key, signal) {
      const answer = await ask('GET', key, { signal });
      return answer?.body ?? undefined;
    },
    async put(key, content, contentType) {
      if (!(await ask('PUT', key, { sent: { content, contentType } })))
        throw new Error(`There is no bucket ${bucket}`);
    },
    async remove(key) {
      await (await ask('DELETE', key))?.body?.cancel();
    },
  };
}
