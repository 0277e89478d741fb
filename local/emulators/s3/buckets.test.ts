import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bucketArtifacts } from '../../../functions/aws/artifacts.ts';
import type { Bucket } from '../../../functions/tasks/artifacts/bucket.ts';
import { type Buckets, startBuckets } from './buckets.ts';

const CREDENTIALS = { accessKeyId: 'LOCAL1', secretAccessKey: 'local', sessionToken: 'local' };
const KEY = 'uploads/an organization/a (file)+ü*.csv';

let dataDir: string;
let buckets: Buckets;
let artifacts: Bucket;

const inBucket = (bucket: string, credentials = CREDENTIALS) =>
  bucketArtifacts({ endpoint: buckets.endpoint, region: 'us-east-1', bucket, credentials });
const CORS = [
  { AllowedMethods: ['PUT', 'GET'], AllowedOrigins: ['https://*.example.com'], AllowedHeaders: ['*'] },
];

async function start(): Promise<void> {
  buckets = await startBuckets({ dataDir, secretAccessKey: CREDENTIALS.secretAccessKey });
  buckets.create([{ name: 'artifacts', corsRules: CORS }]);
  artifacts = inBucket('artifacts');
}

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'celeriac-buckets-'));
  await start();
});
afterAll(async () => {
  await buckets.stop();
  await rm(dataDir, { recursive: true });
});

const contentOf = async (key: string) => {
  const stream = await artifacts.readStream(key);
  return stream && text(stream.content);
};

test('a stored object keeps its length and content, also after a restart', async () => {
  await artifacts.put(KEY, 'käse', 'text/plain');
  await buckets.stop();
  await start();
  expect([(await artifacts.head(KEY))?.bytes, await contentOf(KEY)]).toEqual([5, 'käse']);
});

test('a deleted or unknown object does not exist', async () => {
  await artifacts.put('results/1', 'x', 'text/plain');
  await artifacts.remove('results/1');
  await artifacts.remove('results/1');
  expect([await artifacts.head('results/1'), await contentOf('results/1')]).toEqual([undefined, undefined]);
});

test('an empty object is an empty object', async () => {
  await artifacts.put('results/empty', '', 'text/plain');
  expect([(await artifacts.head('results/empty'))?.bytes, await contentOf('results/empty')]).toEqual([0, '']);
});

test('a large object is read whole, part by part', async () => {
  const parts = Array.from({ length: 9 }, (_, n) => String(n).repeat(1_000_003));
  await artifacts.put('results/large', parts.join(''), 'text/plain');
  expect((await contentOf('results/large')) === parts.join('')).toBe(true);
  const answer = await fetch(artifacts.presignDownload('results/large', 'x', 60), {
    headers: { range: 'bytes=1000001-1000004' },
  });
  expect([answer.status, answer.headers.get('content-range'), await answer.text()]).toEqual([
    206,
    `bytes 1000001-1000004/${9 * 1_000_003}`,
    '0011',
  ]);
});

test('an object that is replaced while it is read is no mixture of both', async () => {
  await artifacts.put('results/replaced', 'a'.repeat(9_000_000), 'text/plain');
  const stream = await artifacts.readStream('results/replaced');
  const read = async () => {
    let isReplaced = false;
    for await (const _piece of stream?.content ?? []) {
      if (!isReplaced) await artifacts.put('results/replaced', 'b'.repeat(9_000_000), 'text/plain');
      isReplaced = true;
    }
  };
  await expect(read()).rejects.toThrow('replaced');
});

test('another bucket does not exist', async () => {
  await expect(inBucket('others').put('x', 'x', 'text/plain')).rejects.toThrow('There is no bucket others');
});

describe('an address for an upload', () => {
  const put = (url: string, body: string, init: RequestInit = {}) =>
    fetch(url, { method: 'PUT', body, ...init });

  test('accepts an object of the signed length', async () => {
    expect((await put(artifacts.presignUpload(KEY, 3, 60), 'abc')).status).toBe(200);
    expect(await contentOf(KEY)).toBe('abc');
  });

  test.each(['ab', 'abcd'])('refuses another length: %s', async (body) => {
    const answer = await put(artifacts.presignUpload('uploads/x', 3, 60), body);
    expect([answer.status, await answer.text()]).toEqual([
      403,
      expect.stringContaining('SignatureDoesNotMatch'),
    ]);
    expect(await artifacts.head('uploads/x')).toBeUndefined();
  });

  test('is valid for one key and one method', async () => {
    const url = artifacts.presignUpload('uploads/y', 1, 60);
    expect((await put(url.replace('uploads/y', 'uploads/z'), 'x')).status).toBe(403);
    expect((await fetch(url)).status).toBe(403);
  });

  test('expires', async () => {
    const answer = await put(artifacts.presignUpload('uploads/y', 1, -1), 'x');
    expect([answer.status, await answer.text()]).toEqual([403, expect.stringContaining('expired')]);
  });

  test('is refused when it has another signature', async () => {
    const forged = inBucket('artifacts', { ...CREDENTIALS, secretAccessKey: 'guessed' });
    expect((await put(forged.presignUpload('uploads/y', 1, 60), 'x')).status).toBe(403);
    expect((await put(`${buckets.endpoint}/artifacts/uploads/y`, 'x')).status).toBe(403);
  });
});

test('an address for a download gives the object and says under which name to save it', async () => {
  await artifacts.put('reports/1', 'lines', 'text/plain');
  const answer = await fetch(artifacts.presignDownload('reports/1', 'bad-lines.ndjson', 60));
  expect(await answer.text()).toBe('lines');
  expect(answer.headers.get('content-disposition')).toBe('attachment; filename="bad-lines.ndjson"');
});

describe('a browser', () => {
  const preflight = (origin: string, method = 'PUT') =>
    fetch(artifacts.presignUpload('uploads/y', 1, 60), {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': method,
        'access-control-request-headers': 'content-type',
      },
    });

  test('may upload from the origins of the bucket’s rules', async () => {
    const answer = await preflight('https://tasks.example.com');
    expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([
      200,
      'https://tasks.example.com',
    ]);
    expect(answer.headers.get('access-control-allow-headers')).toBe('content-type');
    const uploaded = await fetch(artifacts.presignUpload('uploads/y', 1, 60), {
      method: 'PUT',
      body: 'x',
      headers: { origin: 'https://tasks.example.com' },
    });
    expect([uploaded.status, uploaded.headers.get('access-control-allow-origin')]).toEqual([
      200,
      'https://tasks.example.com',
    ]);
  });

  test('may not upload from another origin or by another method', async () => {
    expect((await preflight('https://example.org')).status).toBe(403);
    expect((await preflight('https://tasks.example.com', 'DELETE')).status).toBe(403);
  });
});
