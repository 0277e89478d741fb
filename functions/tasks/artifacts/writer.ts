import { createHash } from 'node:crypto';
import { PermanentError, RetryError } from '../define-task.ts';
import type { ArtifactContent, ArtifactWriter, NewArtifactFile, StoredArtifact } from '../task-artifacts.ts';
import { MAX_ARTIFACT_BYTES } from './artifact.ts';
import type { ContentAddress } from './bucket.ts';
import { ARTIFACT_PART_BYTES, type AskArtifacts } from './questions.ts';
import { etagOf, requestObject } from './transfer.ts';

type WriterSpec = { ask: AskArtifacts; signal: AbortSignal; file: NewArtifactFile };

/** Returns a writer that sends a small content whole, and a large one in parts. */
export function artifactWriter(spec: WriterSpec): ArtifactWriter {
  const writer = new Writer(spec);
  let last: Promise<unknown> = Promise.resolve();
  // Calls take turns, also when a handler does not await them.
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work);
    last = turn.catch(() => {});
    return turn;
  };
  const write = (piece: string | Uint8Array) => inTurn(() => writer.write(piece));
  const end = () => inTurn(() => writer.end());
  const abort = () => inTurn(() => writer.abort());
  return {
    write,
    end,
    abort,
    async put(content) {
      try {
        for await (const piece of piecesOf(content)) await write(piece);
      } catch (error) {
        await abort().catch(() => {});
        throw error;
      }
      return end();
    },
  };
}

async function* piecesOf(content: ArtifactContent): AsyncGenerator<string | Uint8Array> {
  if (typeof content === 'string' || content instanceof Uint8Array) yield content;
  else yield* content;
}

class Writer {
  readonly #ask: AskArtifacts;
  readonly #signal: AbortSignal;
  readonly #file: NewArtifactFile;
  readonly #hash = createHash('sha256');
  /** Copies of the pieces of the part that is not full yet. */
  #pieces: Buffer[] = [];
  #waiting = 0;
  #bytes = 0;
  /** The artifact that comes in parts, once one part is full. */
  #inParts: { id: string; etags: string[] } | undefined;
  #isOver = false;

  constructor({ ask, signal, file }: WriterSpec) {
    [this.#ask, this.#signal, this.#file] = [ask, signal, file];
  }

  async write(piece: string | Uint8Array): Promise<void> {
    await this.#unlessOver(async () => {
      const content = typeof piece === 'string' ? Buffer.from(piece) : viewOf(piece);
      this.#bytes += content.length;
      if (this.#bytes > MAX_ARTIFACT_BYTES) throw tooLarge();
      this.#hash.update(content);
      for (let at = 0; at < content.length; ) {
        // A copy: the caller may use its buffer again.
        const taken = Buffer.from(content.subarray(at, at + ARTIFACT_PART_BYTES - this.#waiting));
        this.#pieces.push(taken);
        this.#waiting += taken.length;
        at += taken.length;
        if (this.#waiting === ARTIFACT_PART_BYTES) await this.#sendPart();
      }
    });
  }

  async end(): Promise<StoredArtifact> {
    return this.#unlessOver(async () => {
      const sha256 = this.#hash.digest('hex');
      const id = this.#inParts ? await this.#endParts(this.#inParts, sha256) : await this.#sendWhole(sha256);
      this.#isOver = true;
      const { name, mediaType } = this.#file;
      return { id, name, mediaType: mediaType.toLowerCase(), bytes: this.#bytes, sha256 };
    });
  }

  async abort(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#pieces = [];
    if (this.#inParts) await this.#ask({ ask: 'abort', id: this.#inParts.id });
  }

  /** Runs `work`, and gives the artifact up when it throws. */
  async #unlessOver<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isOver) throw new Error('The artifact was ended or given up before');
    try {
      this.#signal.throwIfAborted();
      return await work();
    } catch (error) {
      await this.abort().catch(() => {});
      throw error;
    }
  }

  async #sendWhole(sha256: string): Promise<string> {
    const content = this.#take();
    const { id, ...address } = await this.#ask({ ask: 'put', ...this.#file, bytes: content.length, sha256 });
    await this.#send(address, content);
    await this.#ask({ ask: 'stored', id });
    return id;
  }

  async #sendPart(): Promise<void> {
    this.#inParts ??= { ...(await this.#ask({ ask: 'begin', ...this.#file })), etags: [] };
    const { id, etags } = this.#inParts;
    const content = this.#take();
    const sha256 = createHash('sha256').update(content).digest('hex');
    const address = await this.#ask({ ask: 'part', id, bytes: content.length, sha256 });
    etags.push(await this.#send(address, content));
  }

  async #endParts({ id, etags }: { id: string; etags: string[] }, sha256: string): Promise<string> {
    if (this.#waiting > 0) await this.#sendPart();
    await this.#ask({ ask: 'complete', id, sha256, etags });
    return id;
  }

  #take(): Buffer {
    const content = Buffer.concat(this.#pieces, this.#waiting);
    [this.#pieces, this.#waiting] = [[], 0];
    return content;
  }

  /** @returns the ETag that S3 gave */
  async #send({ url, headers }: ContentAddress, body: Buffer): Promise<string> {
    const [method, signal] = ['PUT', this.#signal] as const;
    const sent = requestObject({ method, address: () => url, headers, body, signal, take: etagOf });
    const etag = await sent.catch((cause: unknown) => {
      this.#signal.throwIfAborted();
      throw unavailable(cause);
    });
    if (etag === undefined) throw unavailable(new Error('S3 knows no such bucket or upload'));
    return etag;
  }
}

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array) =>
  Buffer.from(buffer, byteOffset, byteLength);

const unavailable = (cause: unknown) =>
  new RetryError('artifacts_unavailable', 'The storage of artifacts does not answer', { cause });

const tooLarge = () =>
  new PermanentError('artifact_too_large', `An artifact has at most ${MAX_ARTIFACT_BYTES} bytes`, {
    details: { limit: MAX_ARTIFACT_BYTES },
  });
