import { createHash, createHmac, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { SignatureV4 } from '@smithy/signature-v4';
import { startLoopbackServer } from '../../process/loopback-server.ts';
import type { BucketSpec, CorsRule } from '../../template/deployment.ts';
import { REGION } from '../../template/physical.ts';
import { namesThisMachine } from '../http/endpoint-guard.ts';
import { bucketCors } from './bucket-cors.ts';

export interface Buckets {
  /** S3's address, without a trailing slash. */
  readonly endpoint: string;
  /** Sets the existing buckets with their CORS rules. Stored objects stay. */
  create(buckets: readonly BucketSpec[]): void;
  stop(): Promise<void>;
}

/**
 * Emulates S3 for the functions and their clients: GET (also of one range), HEAD, PUT and DELETE of objects by
 * presigned URLs. Checks signature, expiry and signed headers like S3. Objects are files of any size, streamed in both
 * directions.
 */
export async function startBuckets(options: {
  dataDir: string;
  /** The secret key with which the functions of this start sign. */
  secretAccessKey: string;
}): Promise<Buckets> {
  const rules = new Map<string, readonly CorsRule[]>();
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (!namesThisMachine(request.headers.host))
      return refuse(response, 403, { code: 'AccessDenied', message: 'Another host is named' });
    const url = new URL(request.url ?? '/', `http://${request.headers.host}`);
    const [, bucket = '', ...rest] = url.pathname.split('/').map(decodeURIComponent);
    const key = rest.join('/');
    const cors = rules.get(bucket);
    if (!cors || key === '' || rest.some((part) => part === '..' || part === '.'))
      return refuse(response, 404, { code: 'NoSuchBucket', message: 'The specified bucket does not exist' });
    if (bucketCors(cors, request, response)) return;
    const complaint = await complaintAbout(request, url, options.secretAccessKey);
    if (complaint) {
      const [code, message] = complaint;
      return refuse(response, 403, { code, message });
    }
    // The encoded key makes a flat file name, so that one key may be a prefix of another.
    const file = join(options.dataDir, bucket, encodeURIComponent(key));
    if (request.method === 'PUT') return store(request, response, file);
    if (request.method === 'DELETE') {
      await rm(file, { force: true });
      response.writeHead(204).end();
      return;
    }
    const found = await stat(file).catch(() => undefined);
    if (!found)
      return refuse(response, 404, { code: 'NoSuchKey', message: 'The specified key does not exist.' });
    const disposition = url.searchParams.get('response-content-disposition');
    const part = partOf(request.headers.range, found.size);
    response.writeHead(part ? 206 : 200, {
      'content-length': part ? part.end - part.start + 1 : found.size,
      etag: `"${found.ino}-${found.mtimeMs}"`,
      ...(part && { 'content-range': `bytes ${part.start}-${part.end}/${found.size}` }),
      ...(disposition && { 'content-disposition': disposition }),
    });
    if (request.method === 'HEAD') response.end();
    else await pipeline(createReadStream(file, part), response);
  };

  const { url, stop } = await startLoopbackServer((request, response) => {
    void answer(request, response).catch(() => response.destroy());
  });
  return {
    endpoint: url,
    create: (buckets) => {
      for (const { name, corsRules } of buckets) rules.set(name, corsRules);
    },
    stop,
  };
}

/** Returns the requested byte range of an object, or undefined for the whole object. */
function partOf(range: string | undefined, size: number): { start: number; end: number } | undefined {
  const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? [];
  if (start === undefined || Number(start) >= size) return undefined;
  return { start: Number(start), end: Math.min(Number(end), size - 1) };
}

/** Stores an object atomically: readers see the whole object or none. */
async function store(request: IncomingMessage, response: ServerResponse, file: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const unfinished = `${file}.${randomUUID()}`;
  try {
    await pipeline(request, createWriteStream(unfinished));
    await rename(unfinished, file);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
  response.writeHead(200).end();
}

/** Returns S3's reason to refuse a presigned request, or undefined when the request is valid. */
async function complaintAbout(
  { method = '', headers }: IncomingMessage,
  url: URL,
  secretAccessKey: string,
): Promise<[code: string, message: string] | undefined> {
  const { 'X-Amz-Signature': signature, ...query } = Object.fromEntries(url.searchParams);
  const time = query['X-Amz-Date']?.replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5');
  const signedAt = new Date(time ?? Number.NaN);
  if (!signature || Number.isNaN(signedAt.getTime())) return ['AccessDenied', 'Access Denied'];
  const expiresIn = Number(query['X-Amz-Expires']);
  if (signedAt.getTime() + expiresIn * 1000 < Date.now()) return ['AccessDenied', 'Request has expired'];
  const names = (query['X-Amz-SignedHeaders'] ?? '').split(';');
  const own = Object.entries(query).filter(([name]) => !name.startsWith('X-Amz-'));
  const signer = new SignatureV4({
    service: 's3',
    region: REGION,
    sha256: Sha256,
    uriEscapePath: false,
    applyChecksum: false,
    credentials: {
      accessKeyId: query['X-Amz-Credential']?.split('/')[0] ?? '',
      secretAccessKey,
      ...(query['X-Amz-Security-Token'] && { sessionToken: query['X-Amz-Security-Token'] }),
    },
  });
  const expected = await signer.presign(
    {
      method,
      protocol: url.protocol,
      hostname: url.hostname,
      path: url.pathname,
      query: Object.fromEntries(own),
      headers: {
        ...Object.fromEntries(names.map((name) => [name, String(headers[name] ?? '')])),
        'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
      },
    },
    { expiresIn, signingDate: signedAt, unhoistableHeaders: HASH, unsignableHeaders: HASH },
  );
  if (expected.query?.['X-Amz-Signature'] === signature) return undefined;
  return [
    'SignatureDoesNotMatch',
    'The request signature we calculated does not match the signature you provided.',
  ];
}

/** This header only marks the body as unsigned; it is not part of the signed headers. */
const HASH = new Set(['x-amz-content-sha256']);

function refuse(
  response: ServerResponse,
  status: number,
  { code, message }: { code: string; message: string },
): void {
  response
    .writeHead(status, { 'content-type': 'application/xml', connection: 'close' })
    .end(
      `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message></Error>`,
    );
}

/** Node's SHA-256 with the interface that the signer needs. */
class Sha256 {
  private readonly hash;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret as string);
  }

  update(data: Uint8Array): void {
    this.hash.update(data);
  }

  async digest(): Promise<Uint8Array> {
    return this.hash.digest();
  }

  reset(): void {}
}
