import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { byteRange } from './byte-range.ts';
import { noSuchKey, S3Refusal } from './errors.ts';

/** Metadata of an object. */
export type Properties = {
  /** With its quotes. */
  etag: string;
  mediaType: string;
  /** Base64. For an object of parts, the checksum of the parts' checksums, and the number of parts. */
  sha256: string | undefined;
};

/** A content that is written but that nobody can read yet. */
export type Unfinished = { file: string; bytes: number; md5: string; sha256: string };

/** No bucket has such a name. */
const UNFINISHED = '.unfinished';

const DEFAULT_MEDIA_TYPE = 'binary/octet-stream';

/** Objects as files: their content, streamed in both directions, and their properties in files of their own. */
export class Objects {
  readonly #dataDir: string;

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  /** The encoded key makes a flat file name, so that one key may be a prefix of another. */
  #contentOf(bucket: string, key: string): string {
    return join(this.#dataDir, bucket, encodeURIComponent(key));
  }

  /** No bucket has such a name. */
  #propertiesOf(bucket: string, key: string): string {
    return join(this.#dataDir, '.properties', bucket, encodeURIComponent(key));
  }

  /** Publishes a content atomically: readers see the whole object or none. */
  async publish(
    { bucket, key }: { bucket: string; key: string },
    { file }: Unfinished,
    properties: Properties,
  ): Promise<void> {
    const [content, beside] = [this.#contentOf(bucket, key), this.#propertiesOf(bucket, key)];
    await Promise.all([content, beside].map((each) => mkdir(dirname(each), { recursive: true })));
    // The properties name the file that they belong to: after a crash in between, they count for no other content.
    const { ino } = await stat(file);
    await writeFile(`${file}.properties`, JSON.stringify({ ...properties, ino }));
    await rename(`${file}.properties`, beside);
    await rename(file, content);
  }

  /** Removes what was under way when the last start ended. */
  async removeUnfinished(): Promise<void> {
    await rm(join(this.#dataDir, UNFINISHED), { recursive: true, force: true });
  }

  async put(
    where: { bucket: string; key: string },
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const content = await receive(request, join(this.#dataDir, UNFINISHED));
    const sha256 = await checked(request, content);
    const properties = { etag: `"${content.md5}"`, mediaType: mediaTypeOf(request), sha256 };
    await this.publish(where, content, properties);
    response.writeHead(200, { etag: properties.etag, ...checksumHeader(sha256) }).end();
  }

  async remove(bucket: string, key: string, response: ServerResponse): Promise<void> {
    await rm(this.#contentOf(bucket, key), { force: true });
    await rm(this.#propertiesOf(bucket, key), { force: true });
    response.writeHead(204).end();
  }

  /** Answers GET and HEAD. @throws S3Refusal `NoSuchKey`, `InvalidRange`, `PreconditionFailed` */
  async send(
    { bucket, key, query }: { bucket: string; key: string; query: URLSearchParams },
    { method, headers }: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const file = this.#contentOf(bucket, key);
    const found = await stat(file).catch(() => undefined);
    if (!found) throw noSuchKey();
    const { etag, mediaType, sha256 } = await this.#read(bucket, key, found.ino);
    const wanted = headers['if-match'];
    if (wanted !== undefined && wanted !== '*' && wanted !== etag)
      throw new S3Refusal(
        412,
        'PreconditionFailed',
        'At least one of the pre-conditions you specified did not hold',
      );
    const range = byteRange(headers.range, found.size);
    const disposition = query.get('response-content-disposition');
    response.writeHead(range ? 206 : 200, {
      'content-length': range ? range.end - range.start + 1 : found.size,
      'content-type': query.get('response-content-type') ?? mediaType,
      'accept-ranges': 'bytes',
      'last-modified': found.mtime.toUTCString(),
      etag,
      ...(headers['x-amz-checksum-mode'] === 'ENABLED' && checksumHeader(sha256)),
      ...(range && { 'content-range': `bytes ${range.start}-${range.end}/${found.size}` }),
      ...(disposition && { 'content-disposition': disposition }),
    });
    if (method === 'HEAD') response.end();
    else await pipeline(createReadStream(file, range), response);
  }

  async #read(bucket: string, key: string, ino: number): Promise<Properties> {
    const text = await readFile(this.#propertiesOf(bucket, key), 'utf8').catch(() => '{}');
    const { ino: belongsTo, ...properties } = JSON.parse(text);
    if (belongsTo === ino) return properties;
    return { etag: `"${ino}"`, mediaType: DEFAULT_MEDIA_TYPE, sha256: undefined };
  }
}

export const mediaTypeOf = ({ headers }: IncomingMessage) => headers['content-type'] ?? DEFAULT_MEDIA_TYPE;

export const checksumHeader = (sha256: string | undefined) =>
  sha256 === undefined ? {} : { 'x-amz-checksum-sha256': sha256 };

/** Writes a body to a new file of the folder. */
export async function receive(body: Readable, folder: string): Promise<Unfinished> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, randomUUID());
  const [md5, sha256] = [createHash('md5'), createHash('sha256')];
  let bytes = 0;
  const hashed = async function* (source: AsyncIterable<Buffer>) {
    for await (const piece of source) {
      md5.update(piece);
      sha256.update(piece);
      bytes += piece.length;
      yield piece;
    }
  };
  try {
    await pipeline(body, hashed, createWriteStream(file));
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  }
  return { file, bytes, md5: md5.digest('hex'), sha256: sha256.digest('base64') };
}

/**
 * Compares a content with the checksum that its request names.
 *
 * @returns the checksum, undefined when the request names none
 * @throws S3Refusal `BadDigest` or `InvalidRequest`; the content is then removed
 */
export async function checked(
  { headers }: IncomingMessage,
  content: Unfinished,
): Promise<string | undefined> {
  const named = headers['x-amz-checksum-sha256'];
  if (named === undefined || named === content.sha256) return named;
  await rm(content.file, { force: true });
  if (typeof named === 'string' && /^[A-Za-z0-9+/]{43}=$/.test(named))
    throw new S3Refusal(400, 'BadDigest', 'The SHA256 you specified did not match the calculated checksum.');
  throw new S3Refusal(400, 'InvalidRequest', 'Value for x-amz-checksum-sha256 header is invalid.');
}
