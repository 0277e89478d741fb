import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { noSuchUpload, S3Refusal, sendXml } from './errors.ts';
import { checked, checksumHeader, mediaTypeOf, type Objects, receive, type Unfinished } from './objects.ts';

type Place = { bucket: string; key: string };
type Begun = Place & { mediaType: string; checksums: boolean };
type StoredPart = Unfinished & { checksum: string | undefined };

/** Every part but the last has at least so many bytes. */
const MIN_PART_BYTES = 5 * 1024 * 1024;
const MAX_PARTS = 10_000;

const DAY_MILLISECONDS = 86_400_000;

/**
 * Objects that come in parts. An upload is a folder, so that it survives a restart.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
 */
export class Multipart {
  readonly #folder: string;
  readonly #objects: Objects;

  constructor(dataDir: string, objects: Objects) {
    this.#folder = join(dataDir, '.uploads');
    this.#objects = objects;
  }

  /** Removes uploads that were begun more than a day ago, as the rule of the bucket does on AWS. */
  async removeOld(): Promise<void> {
    for (const name of await readdir(this.#folder).catch(() => [])) {
      const upload = join(this.#folder, name);
      const { birthtimeMs } = await stat(upload);
      if (Date.now() - birthtimeMs > DAY_MILLISECONDS) await rm(upload, { recursive: true, force: true });
    }
  }

  async begin({ bucket, key }: Place, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const uploadId = randomUUID();
    const checksums = request.headers['x-amz-checksum-algorithm'] === 'SHA256';
    const begun: Begun = { bucket, key, mediaType: mediaTypeOf(request), checksums };
    await mkdir(join(this.#folder, uploadId), { recursive: true });
    await writeFile(join(this.#folder, uploadId, 'upload.json'), JSON.stringify(begun));
    const named = `<Bucket>${bucket}</Bucket><Key>${escaped(key)}</Key>`;
    sendXml(
      response,
      200,
      `<InitiateMultipartUploadResult>${named}<UploadId>${uploadId}</UploadId></InitiateMultipartUploadResult>`,
    );
  }

  async putPart(
    place: Place & { uploadId: string; number: number },
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const { checksums } = await this.#find(place);
    const { uploadId, number } = place;
    if (!Number.isInteger(number) || number < 1 || number > MAX_PARTS)
      throw new S3Refusal(
        400,
        'InvalidArgument',
        'Part number must be an integer between 1 and 10000, inclusive',
      );
    const part = await receive(request, join(this.#folder, uploadId, 'unfinished'));
    const checksum = await checked(request, part);
    if (checksums && checksum === undefined)
      throw new S3Refusal(
        400,
        'InvalidRequest',
        'Checksum Type mismatch occurred, expected checksum Type: sha256, actual checksum Type: null',
      );
    // The description names the file, and replaces that of an earlier part of this number atomically.
    const stored: StoredPart = { ...part, checksum };
    await writeFile(`${part.file}.json`, JSON.stringify(stored));
    await rename(`${part.file}.json`, join(this.#folder, uploadId, `${number}.json`));
    response.writeHead(200, { etag: `"${part.md5}"`, ...checksumHeader(checksum) }).end();
  }

  async complete(
    place: Place & { uploadId: string },
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const { checksums, mediaType } = await this.#find(place);
    const listed = partsIn(await text(request));
    const parts = await this.#parts(place.uploadId, listed, checksums);
    const content = await receive(Readable.from(joined(parts)), join(this.#folder, place.uploadId));
    const md5 = digestOf(
      parts.map((part) => Buffer.from(part.md5, 'hex')),
      'md5',
    ).toString('hex');
    const sums = digestOf(
      parts.map(({ checksum = '' }) => Buffer.from(checksum, 'base64')),
      'sha256',
    );
    const etag = `"${md5}-${parts.length}"`;
    const sha256 = checksums ? `${sums.toString('base64')}-${parts.length}` : undefined;
    await this.#objects.publish(place, content, { etag, mediaType, sha256 });
    await rm(join(this.#folder, place.uploadId), { recursive: true, force: true });
    const { bucket, key } = place;
    sendXml(
      response,
      200,
      `<CompleteMultipartUploadResult><Bucket>${bucket}</Bucket><Key>${escaped(key)}</Key><ETag>${escaped(etag)}</ETag></CompleteMultipartUploadResult>`,
    );
  }

  async abort(place: Place & { uploadId: string }, response: ServerResponse): Promise<void> {
    await this.#find(place);
    await rm(join(this.#folder, place.uploadId), { recursive: true, force: true });
    response.writeHead(204).end();
  }

  /** @throws S3Refusal `NoSuchUpload` */
  async #find({ bucket, key, uploadId }: Place & { uploadId: string }): Promise<Begun> {
    if (!/^[0-9a-f-]{36}$/.test(uploadId)) throw noSuchUpload();
    const file = await readFile(join(this.#folder, uploadId, 'upload.json'), 'utf8').catch(() => undefined);
    const begun: Begun | undefined = file === undefined ? undefined : JSON.parse(file);
    if (begun?.bucket !== bucket || begun.key !== key) throw noSuchUpload();
    return begun;
  }

  /** Returns the listed parts. @throws S3Refusal for a list that S3 would refuse */
  async #parts(uploadId: string, listed: readonly ListedPart[], checksums: boolean): Promise<StoredPart[]> {
    if (listed.length === 0)
      throw new S3Refusal(400, 'MalformedXML', 'The XML you provided was not well-formed');
    if (listed.some(({ number }, at) => number <= (listed[at - 1]?.number ?? 0)))
      throw new S3Refusal(400, 'InvalidPartOrder', 'The list of parts was not in ascending order.');
    const parts: StoredPart[] = [];
    for (const { number, etag, sha256 } of listed) {
      const file = await readFile(join(this.#folder, uploadId, `${number}.json`), 'utf8').catch(() => 'null');
      const part: StoredPart | null = JSON.parse(file);
      const isMeant = part && part.md5 === etag && (!checksums || part.checksum === sha256);
      if (!isMeant)
        throw new S3Refusal(400, 'InvalidPart', 'One or more of the specified parts could not be found.');
      parts.push(part);
    }
    if (parts.slice(0, -1).some(({ bytes }) => bytes < MIN_PART_BYTES))
      throw new S3Refusal(
        400,
        'EntityTooSmall',
        'Your proposed upload is smaller than the minimum allowed size',
      );
    return parts;
  }
}

type ListedPart = { number: number; etag: string; sha256: string | undefined };

function partsIn(xml: string): ListedPart[] {
  const member = (part: string, name: string) => new RegExp(`<${name}>([^<]*)</${name}>`).exec(part)?.[1];
  return [...xml.matchAll(/<Part>(.*?)<\/Part>/gs)].map(([, part = '']) => ({
    number: Number(member(part, 'PartNumber')),
    etag: (member(part, 'ETag') ?? '').replaceAll('&quot;', '').replaceAll('"', ''),
    sha256: member(part, 'ChecksumSHA256'),
  }));
}

async function* joined(parts: readonly StoredPart[]): AsyncGenerator<Buffer> {
  for (const { file } of parts) yield* createReadStream(file);
}

function digestOf(digests: readonly Buffer[], algorithm: 'md5' | 'sha256'): Buffer {
  return createHash(algorithm).update(Buffer.concat(digests)).digest();
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
