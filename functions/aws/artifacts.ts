import { setTimeout as sleep } from 'node:timers/promises';
import type { Artifacts, Head } from '../tasks/artifacts.ts';
import { type Credentials, presign, type SignedRequest } from './presign.ts';

export type BucketAddress = {
  /** Endpoint of S3, without a trailing slash. The bucket is the first part of the path. */
  endpoint: string;
  region: string;
  bucket: string;
  credentials: Credentials;
};

/** Maximum tries of one request. Every request here is safe to repeat. */
const TRIES = 3;

/** Milliseconds before the second try; twice that before the third. */
const PAUSE = 100;

/** Limit for one try: S3's answer and the part of it that the caller reads. */
const ANSWER_SECONDS = 10;

/**
 * Bytes of one range request. A part is read completely before its first byte is used: S3 closes a connection whose
 * reader pauses, and a reader that turns lines into rows does pause.
 */
const PART_BYTES = 4_194_304;

/** Bytes of one chunk that the stream yields. A CSV parser makes rows of a whole chunk at once, so chunks stay small. */
const PIECE_BYTES = 65_536;

/** Lifetime of the presigned URLs that this module uses itself, immediately. */
const OWN_SECONDS = 60;

type Content = { content: string | Uint8Array; contentType: string };

type S3Request = {
  method: SignedRequest['method'];
  key: string;
  signal?: AbortSignal | undefined;
  sent?: Content;
  headers?: Record<string, string>;
};

/**
 * Objects in an S3 bucket. Uses four kinds of requests and its own signature, because the SDK's client would be half of a
 * function's bundle.
 */
export function bucketArtifacts({ endpoint, region, bucket, credentials }: BucketAddress): Artifacts {
  const address = ({ key, ...signed }: { key: string } & Omit<SignedRequest, 'endpoint' | 'path'>) =>
    presign({ endpoint, path: `/${bucket}/${key}`, ...signed }, { credentials, region });

  /**
   * @param take reads the wanted part of the answer; the whole request is repeated when the answer breaks off
   * @returns undefined when the object does not exist or does not match `if-match`
   * @throws when S3 does not answer, or answers with another error than 404 or 412
   */
  const ask = async <Taken>(
    { method, key, signal, sent, headers }: S3Request,
    take: (answer: Response) => Taken | Promise<Taken>,
  ): Promise<Taken | undefined> => {
    for (let tries = 1; ; tries += 1) {
      const timeLimit = new AbortController();
      const timer = setTimeout(() => timeLimit.abort(new Error('S3 does not answer')), ANSWER_SECONDS * 1000);
      try {
        const answer = await fetch(address({ method, key, expiresSeconds: OWN_SECONDS }), {
          method,
          signal: signal ? AbortSignal.any([signal, timeLimit.signal]) : timeLimit.signal,
          ...(sent && { body: sent.content, headers: { 'content-type': sent.contentType } }),
          ...(headers && { headers }),
        });
        if (answer.ok) return await take(answer);
        const why = await answer.text();
        if (answer.status === 404 || answer.status === 412) return undefined;
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
      address({ method: 'PUT', key, expiresSeconds, headers: { 'content-length': String(bytes) } }),
    presignDownload: (key, fileName, expiresSeconds) =>
      address({
        method: 'GET',
        key,
        expiresSeconds,
        query: { 'response-content-disposition': `attachment; filename="${fileName}"` },
      }),
    head: (key) => ask({ method: 'HEAD', key }, headOf),
    async readStream(key, signal) {
      const found = await ask({ method: 'HEAD', key, signal }, headOf);
      if (!found) return undefined;
      const { bytes, etag } = found;
      const parts = async function* () {
        for (let at = 0; at < bytes; at += PART_BYTES) {
          const range = `bytes=${at}-${Math.min(bytes, at + PART_BYTES) - 1}`;
          const take = async (answer: Response) => ({
            etag: etagOf(answer),
            content: new Uint8Array(await answer.arrayBuffer()),
          });
          const headers = { range, 'if-match': etag };
          const part = await ask({ method: 'GET', key, signal, headers }, take);
          if (part?.etag !== etag) throw new Error(`${key} was replaced or removed while it was read`);
          for (let from = 0; from < part.content.length; from += PIECE_BYTES)
            yield part.content.subarray(from, from + PIECE_BYTES);
        }
      };
      return { ...found, content: parts() };
    },
    async put(key, content, contentType) {
      const done = await ask({ method: 'PUT', key, sent: { content, contentType } }, () => true);
      if (!done) throw new Error(`There is no bucket ${bucket}`);
    },
    async remove(key) {
      await ask({ method: 'DELETE', key }, (answer) => answer.body?.cancel());
    },
  };
}

const etagOf = ({ headers }: Response) => headers.get('etag') ?? '';

const headOf = (answer: Response): Head => ({
  bytes: Number(answer.headers.get('content-length')),
  etag: etagOf(answer),
});
