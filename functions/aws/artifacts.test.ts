import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { bucketArtifacts } from './artifacts.ts';

const OBJECT = Buffer.alloc(10_000_000, 'abcdefghijklm');

let server: Server | undefined;
afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((done) => server?.close(done));
});

/** Starts a bucket with one object. `breaksAt` may close the connection of a request after that many bytes of the answer. */
async function bucket(breaksAt: (request: number) => number | undefined = () => undefined) {
  const counts = { requests: 0, underWay: 0 };
  server = createServer((request, response) => {
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    const body = from === undefined ? OBJECT : OBJECT.subarray(Number(from), Number(to) + 1);
    response.writeHead(from === undefined ? 200 : 206, { 'content-length': body.length, etag: '"1"' });
    if (request.method === 'HEAD') return void response.end();
    counts.requests += 1;
    counts.underWay += 1;
    response.on('close', () => {
      counts.underWay -= 1;
    });
    const breaks = breaksAt(counts.requests);
    if (breaks === undefined) response.end(body);
    else response.write(body.subarray(0, breaks), () => response.destroy());
  });
  await new Promise<void>((done) => server?.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  const credentials = { accessKeyId: 'a', secretAccessKey: 's' };
  const artifacts = bucketArtifacts({
    endpoint: `http://127.0.0.1:${port}`,
    region: 'us-east-1',
    bucket: 'artifacts',
    credentials,
  });
  return { artifacts, counts };
}

async function whole(content: AsyncIterable<Uint8Array> | undefined): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of content ?? []) pieces.push(piece);
  return Buffer.concat(pieces);
}

test('an object whose download breaks off is read on from there', async () => {
  const { artifacts } = await bucket((request) => (request % 2 === 1 ? 1_000 : undefined));
  const stream = await artifacts.readStream('uploads/1');
  expect(stream?.bytes).toBe(OBJECT.length);
  expect((await whole(stream?.content)).equals(OBJECT)).toBe(true);
});

test('an object whose download keeps breaking off rejects', async () => {
  const { artifacts } = await bucket(() => 1_000);
  const stream = await artifacts.readStream('uploads/1');
  await expect(whole(stream?.content)).rejects.toThrow();
});

test('a slow reader holds no answer open, and gets small parts', async () => {
  const { artifacts, counts } = await bucket();
  const stream = await artifacts.readStream('uploads/1');
  for await (const piece of stream?.content ?? []) {
    await expect.poll(() => counts.underWay).toBe(0);
    expect(piece.length).toBeLessThanOrEqual(65_536);
  }
  expect(counts.requests).toBe(3);
});
