import { setTimeout as sleep } from 'node:timers/promises';

/* HTTP with S3 by presigned addresses, for the functions and for runners, which have no credentials. */

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

export type ObjectMethod = 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';

export type ObjectRequest<Taken> = {
  method: ObjectMethod;
  /** Called for each try, so that each try may have a fresh signature. */
  address: () => string;
  /** Reads the wanted part of the answer. The whole request is repeated when the answer breaks off. */
  take: (answer: Response) => Taken | Promise<Taken>;
  headers?: Readonly<Record<string, string>> | undefined;
  body?: string | Uint8Array | undefined;
  signal?: AbortSignal | undefined;
};

/**
 * Sends one request to S3, and repeats it after a failure.
 *
 * @returns undefined when the object does not exist or does not match `if-match`
 * @throws when S3 does not answer, or answers with another error than 404 or 412
 */
export async function requestObject<Taken>({
  method,
  address,
  take,
  headers = {},
  body,
  signal,
}: ObjectRequest<Taken>): Promise<Taken | undefined> {
  for (let tries = 1; ; tries += 1) {
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(new Error('S3 does not answer')), ANSWER_SECONDS * 1000);
    try {
      const answer = await fetch(address(), {
        method,
        headers,
        signal: signal ? AbortSignal.any([signal, patience.signal]) : patience.signal,
        ...(body !== undefined && { body: body as string | Uint8Array<ArrayBuffer> }),
      });
      if (answer.ok) return await take(answer);
      const why = await answer.text();
      if (answer.status === 404 || answer.status === 412) return undefined;
      throw new Error(`S3 answered ${answer.status} to ${method}: ${why.slice(0, 500)}`);
    } catch (error) {
      if (tries === TRIES || signal?.aborted) throw error;
    } finally {
      clearTimeout(timer);
    }
    await sleep(PAUSE * tries);
  }
}

/**
 * Reads an object from its beginning, in parts. The reader may be as slow as it likes.
 *
 * @param etag of the object; undefined for the object that the first part finds
 * @throws when the transfer breaks off for good, or when another object replaces this one meanwhile
 */
export async function* readParts(
  address: () => string,
  { bytes, etag, signal }: { bytes: number; etag?: string; signal?: AbortSignal | undefined },
): AsyncGenerator<Uint8Array> {
  let expected = etag;
  for (let at = 0; at < bytes; at += PART_BYTES) {
    const range = `bytes=${at}-${Math.min(bytes, at + PART_BYTES) - 1}`;
    const part = await requestObject({
      method: 'GET',
      address,
      signal,
      headers: { range, ...(expected !== undefined && { 'if-match': expected }) },
      take: async (answer) => ({
        etag: etagOf(answer),
        content: new Uint8Array(await answer.arrayBuffer()),
      }),
    });
    expected ??= part?.etag;
    if (!part || part.etag !== expected)
      throw new Error('An object was replaced or removed while it was read');
    for (let from = 0; from < part.content.length; from += PIECE_BYTES)
      yield part.content.subarray(from, from + PIECE_BYTES);
  }
}

export const etagOf = ({ headers }: Response) => headers.get('etag') ?? '';
