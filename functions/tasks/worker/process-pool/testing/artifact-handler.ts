import { createHash } from 'node:crypto';
import { type Json, PermanentError, RetryError, type TaskContext } from '../../../define-task.ts';

/** Steps of the handler, in this order. */
export type ArtifactWork = {
  /** Reads an artifact. */
  open?: string;
  /** Creates artifacts of so many bytes. */
  create?: { name: string; mediaType?: string; bytes: number }[];
  /** Begins an artifact of so many bytes, and leaves it. */
  leave?: number;
  /** Reads the first artifact that it has created. */
  reopen?: boolean;
  /** In these attempts, throws an error that is retried; in attempt 0, one that is not. */
  failIn?: number;
};

const PIECE = Buffer.alloc(100_000, 'abcdefghij');

/** Yields `bytes` bytes, always the same. */
export async function* contentOf(bytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes; at += PIECE.length)
    yield PIECE.subarray(0, Math.min(PIECE.length, bytes - at));
}

export async function sha256Of(content: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of content) hash.update(piece);
  return hash.digest('hex');
}

/** A handler that works with artifacts, for tests. It runs inline and in a runner. */
export async function workWithArtifacts({ artifacts, attempt }: TaskContext, given: Json): Promise<Json> {
  const { open, create = [], leave, reopen, failIn } = given as ArtifactWork;
  const read = async (id: string) => {
    const { content, ...found } = await artifacts.open(id);
    return { ...found, read: await sha256Of(content) };
  };
  const opened = open === undefined ? null : await read(open);
  const created = [];
  for (const { name, mediaType = 'text/plain', bytes } of create)
    created.push(await artifacts.create({ name, mediaType }).put(contentOf(bytes)));
  if (leave !== undefined) {
    const writer = artifacts.create({ name: 'left', mediaType: 'text/plain' });
    for await (const piece of contentOf(leave)) await writer.write(piece);
  }
  const reopened = reopen ? await read(created[0]?.id ?? '') : null;
  if (failIn === attempt) throw new RetryError('again', 'once more');
  if (failIn === 0) throw new PermanentError('never', 'no more');
  return { opened, created: created.map((each) => ({ ...each })), reopened };
}
