import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bucketArtifacts } from '../../../functions/aws/artifacts.ts';
import { presign } from '../../../functions/aws/presign.ts';
import type { Bucket, ContentTerms } from '../../../functions/tasks/artifacts/bucket.ts';
import { type Buckets, startBuckets } from './buckets.ts';

/* Content that is bound to an address, and content in parts, as the documentation of S3 describes them. */

const CREDENTIALS = { accessKeyId: 'LOCAL1', secretAccessKey: 'local', sessionToken: 'local' };
const MIB = 1_048_576;

let dataDir: string;
let buckets: Buckets;
let artifacts: Bucket;

async function start(): Promise<void> {
  buckets = await startBuckets({ dataDir, secretAccessKey: CREDENTIALS.secretAccessKey });
  buckets.create([{ name: 'artifacts', corsRules: [] }]);
  artifacts = bucketArtifacts({
    endpoint: buckets.endpoint,
    region: 'us-east-1',
    bucket: 'artifacts',
    credentials: CREDENTIALS,
  });
}

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'celeriac-content-'));
  await start();
});
afterAll(async () => {
  await buckets.stop();
  await rm(dataDir, { recursive: true });
});

const sha256 = (content: string | Uint8Array) => createHash('sha256').update(content).digest('hex');
const md5 = (content: string | Uint8Array) => createHash('md5').update(content).digest('hex');
const termsOf = (content: string): ContentTerms => ({
  bytes: Buffer.byteLength(content),
  sha256: sha256(content),
  mediaType: 'text/csv',
});

const codeOf = async (answer: Response) => {
  const body = await answer.text();
  return [answer.status, /<Code>(\w+)</.exec(body)?.[1] ?? body];
};
const put = (url: string, body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string>) =>
  fetch(url, { method: 'PUT', body, headers });

/** Sends a request that the product itself does not send. */
const signed = (
  method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE',
  key: string,
  { query = {}, ...init }: RequestInit & { query?: Record<string, string> } = {},
) => {
  const request = {
    method,
    endpoint: buckets.endpoint,
    path: `/artifacts/${key}`,
    query,
    expiresSeconds: 60,
  };
  return fetch(presign(request, { credentials: CREDENTIALS, region: 'us-east-1' }), { method, ...init });
};

describe('an address that is bound to a content', () => {
  const of = (key: string, content: string) => artifacts.presignContent(key, termsOf(content), 60);

  test('takes this content', async () => {
    const { url, headers } = of('artifacts/1', 'a,b\n');
    const answer = await put(url, 'a,b\n', headers);
    expect([answer.status, answer.headers.get('etag')]).toEqual([200, `"${md5('a,b\n')}"`]);
    const checksum = createHash('sha256').update('a,b\n').digest('base64');
    expect(answer.headers.get('x-amz-checksum-sha256')).toBe(checksum);
  });

  test.each([
    ['another content of the same length', 'a;b\n', {}, [400, 'BadDigest']],
    ['a shorter content', 'a,b', {}, [403, 'SignatureDoesNotMatch']],
    ['a longer content', 'a,b\n\n', {}, [403, 'SignatureDoesNotMatch']],
    ['another media type', 'a,b\n', { 'content-type': 'text/html' }, [403, 'SignatureDoesNotMatch']],
    [
      'the checksum of another content',
      'a;b\n',
      { 'x-amz-checksum-sha256': createHash('sha256').update('a;b\n').digest('base64') },
      [403, 'SignatureDoesNotMatch'],
    ],
  ])('refuses %s, and stores nothing', async (_what, content, changed, refusal) => {
    const { url, headers } = of('artifacts/2', 'a,b\n');
    expect(await codeOf(await put(url, content, { ...headers, ...changed }))).toEqual(refusal);
    expect(await artifacts.head('artifacts/2')).toBeUndefined();
  });

  test('needs its headers, and expires', async () => {
    const { url, headers } = of('artifacts/2', 'a,b\n');
    const { 'x-amz-checksum-sha256': _left, ...without } = headers;
    expect(await codeOf(await put(url, 'a,b\n', without))).toEqual([403, 'SignatureDoesNotMatch']);
    const late = artifacts.presignContent('artifacts/2', termsOf('a,b\n'), -1);
    expect(await codeOf(await put(late.url, 'a,b\n', late.headers))).toEqual([403, 'AccessDenied']);
  });
});

describe('an object', () => {
  test('keeps its media type and its ETag, also after a restart', async () => {
    const { url, headers } = artifacts.presignContent('artifacts/kept', termsOf('x'), 60);
    await put(url, 'x', headers);
    await buckets.stop();
    await start();
    const answer = await signed('HEAD', 'artifacts/kept', { headers: { 'x-amz-checksum-mode': 'ENABLED' } });
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-length': '1',
      'content-type': 'text/csv',
      'accept-ranges': 'bytes',
      etag: `"${md5('x')}"`,
      'x-amz-checksum-sha256': createHash('sha256').update('x').digest('base64'),
    });
    expect((await signed('HEAD', 'artifacts/kept')).headers.get('x-amz-checksum-sha256')).toBeNull();
  });

  test('is given as a whole, or in the range that was asked for', async () => {
    await artifacts.put('artifacts/range', '0123456789', 'text/plain');
    const ranged = async (range: string) => {
      const answer = await signed('GET', 'artifacts/range', { headers: { range } });
      return [answer.status, answer.headers.get('content-range'), await answer.text()];
    };
    expect(await ranged('bytes=2-5')).toEqual([206, 'bytes 2-5/10', '2345']);
    expect(await ranged('bytes=7-')).toEqual([206, 'bytes 7-9/10', '789']);
    expect(await ranged('bytes=-3')).toEqual([206, 'bytes 7-9/10', '789']);
    expect(await ranged('bytes=8-100')).toEqual([206, 'bytes 8-9/10', '89']);
    expect(await ranged('bytes=5-2')).toEqual([200, null, '0123456789']);
    expect(await codeOf(await signed('GET', 'artifacts/range', { headers: { range: 'bytes=10-' } }))).toEqual(
      [416, 'InvalidRange'],
    );
  });

  test('is given only to somebody who means this object', async () => {
    await artifacts.put('artifacts/meant', 'x', 'text/plain');
    const answer = await signed('GET', 'artifacts/meant', { headers: { 'if-match': '"other"' } });
    expect(await codeOf(answer)).toEqual([412, 'PreconditionFailed']);
  });

  test('is downloaded under its name, whatever its characters', async () => {
    await artifacts.put('artifacts/named', 'x', 'text/html');
    const answer = await fetch(artifacts.presignDownload('artifacts/named', 'käse "1".html', 60));
    expect(answer.headers.get('content-disposition')).toBe(
      `attachment; filename="k_se _1_.html"; filename*=UTF-8''k%C3%A4se%20%221%22.html`,
    );
  });
});

describe('an object in parts', () => {
  const first = Buffer.alloc(5 * MIB, 'a');
  const last = Buffer.from('the end');

  /** Uploads a part, and returns what the list of parts needs. */
  async function upload(key: string, uploadId: string, number: number, content: Buffer) {
    const terms = { bytes: content.length, sha256: sha256(content), part: { uploadId, number } };
    const { url, headers } = artifacts.presignContent(key, terms, 60);
    const answer = await put(url, new Uint8Array(content), headers);
    expect(answer.status).toBe(200);
    return { etag: answer.headers.get('etag') ?? '', sha256: terms.sha256 };
  }

  test('is there when its parts are complete, and not before, also after a restart', async () => {
    const key = 'artifacts/parts';
    const uploadId = await artifacts.beginParts(key, 'text/csv');
    const parts = [await upload(key, uploadId, 1, first)];
    await buckets.stop();
    await start();
    parts.push(await upload(key, uploadId, 2, last));
    expect(await artifacts.head(key)).toBeUndefined();
    await artifacts.completeParts(key, uploadId, parts);
    const etag = `"${md5(Buffer.concat([first, last].map((part) => Buffer.from(md5(part), 'hex'))))}-2"`;
    expect(await artifacts.head(key)).toEqual({ bytes: first.length + last.length, etag });
    const stream = await artifacts.readStream(key);
    expect((stream && (await text(stream.content))) === `${first}${last}`).toBe(true);
    const answer = await signed('HEAD', key);
    expect(answer.headers.get('content-type')).toBe('text/csv');
    // A repeated request, because the first answer was lost.
    await artifacts.completeParts(key, uploadId, parts);
  });

  test('takes the last part of a number', async () => {
    const key = 'artifacts/again';
    const uploadId = await artifacts.beginParts(key, 'text/csv');
    await upload(key, uploadId, 1, Buffer.from('first try'));
    await artifacts.completeParts(key, uploadId, [await upload(key, uploadId, 1, last)]);
    const stream = await artifacts.readStream(key);
    expect(stream && (await text(stream.content))).toBe('the end');
  });

  test('is refused as S3 refuses it', async () => {
    const key = 'artifacts/refused';
    const uploadId = await artifacts.beginParts(key, 'text/csv');
    const small = await upload(key, uploadId, 1, Buffer.from('small'));
    const end = await upload(key, uploadId, 2, last);
    const other = { ...end, sha256: sha256('other') };
    for (const [parts, code] of [
      [[], 'MalformedXML'],
      [[small, end], 'EntityTooSmall'],
      [[small, other], 'InvalidPart'],
      [[small, end, end], 'InvalidPart'],
    ] as const)
      await expect(artifacts.completeParts(key, uploadId, parts)).rejects.toThrow(code);
    const list = (numbers: number[]) =>
      `<CompleteMultipartUpload>${numbers.map((n) => `<Part><PartNumber>${n}</PartNumber><ETag>${end.etag}</ETag></Part>`).join('')}</CompleteMultipartUpload>`;
    const disordered = await signed('POST', key, { query: { uploadId }, body: list([2, 2]) });
    expect(await codeOf(disordered)).toEqual([400, 'InvalidPartOrder']);
    const number = { uploadId, partNumber: '10001' };
    expect(await codeOf(await signed('PUT', key, { query: number, body: 'x' }))).toEqual([
      400,
      'InvalidArgument',
    ]);
    const unchecked = { uploadId, partNumber: '3' };
    expect(await codeOf(await signed('PUT', key, { query: unchecked, body: 'x' }))).toEqual([
      400,
      'InvalidRequest',
    ]);
    expect(await artifacts.head(key)).toBeUndefined();
  });

  test('a part that is not the signed one is refused', async () => {
    const key = 'artifacts/part';
    const uploadId = await artifacts.beginParts(key, 'text/csv');
    const terms = { bytes: 1, sha256: sha256('x'), part: { uploadId, number: 1 } };
    const { url, headers } = artifacts.presignContent(key, terms, 60);
    expect(await codeOf(await put(url, 'y', headers))).toEqual([400, 'BadDigest']);
    expect(await codeOf(await put(url, 'xy', headers))).toEqual([403, 'SignatureDoesNotMatch']);
    expect(await codeOf(await put(url.replace('partNumber=1', 'partNumber=2'), 'x', headers))).toEqual([
      403,
      'SignatureDoesNotMatch',
    ]);
  });

  test('is given up as a whole', async () => {
    const key = 'artifacts/given-up';
    const uploadId = await artifacts.beginParts(key, 'text/csv');
    const part = await upload(key, uploadId, 1, last);
    await artifacts.abortParts(key, uploadId);
    await artifacts.abortParts(key, uploadId);
    await expect(artifacts.completeParts(key, uploadId, [part])).rejects.toThrow('is gone');
    const foreign = await artifacts.beginParts('artifacts/other', 'text/csv');
    await expect(artifacts.completeParts(key, foreign, [part])).rejects.toThrow('is gone');
  });
});
