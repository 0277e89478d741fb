import type { Socket } from 'node:net';
import { FetchError } from '../fetch-error.ts';

/**
 * Bytes that an answer may have beyond twice its body's limit: status lines, headers, trailers, the framing of chunks,
 * the handshake of TLS, answers that redirect, and what was read ahead of a body that is then cut.
 */
const ALLOWANCE_BYTES = 524_288;

/** Some bytes of TLS never become data. They are counted this often. */
const CHECK_MS = 50;

/** Counts all bytes that come over the connections of one request, and ends the connection that exceeds the limit. */
export interface WireBudget {
  /**
   * Counts a connection from now on.
   *
   * @param stream what is read of it: itself, or its TLS
   * @returns counts what has come so far
   */
  count(connection: Socket, stream: Socket): () => void;
  /** Set once the limit was exceeded. */
  readonly failure: FetchError | undefined;
}

/** @param maxBodyBytes limit of the body after decompression */
export function wireBudget(maxBodyBytes: number): WireBudget {
  const most = wireLimit(maxBodyBytes);
  /** Bytes of connections that are closed. */
  let closed = 0;
  let failure: FetchError | undefined;
  return {
    count(connection, stream) {
      const check = () => {
        if (failure !== undefined || closed + connection.bytesRead <= most) return;
        failure = new FetchError('too_large', `The answer is longer than ${most} bytes, headers and all`);
        stream.destroy(failure);
      };
      const timer = setInterval(check, CHECK_MS).unref();
      connection.once('close', () => {
        clearInterval(timer);
        closed += connection.bytesRead;
      });
      return check;
    },
    get failure() {
      return failure;
    },
  };
}

/** Bytes of an answer on the wire, headers, framing and redirects included. Chunks of one byte have six on the wire. */
export function wireLimit(maxBodyBytes: number): number {
  return 2 * maxBodyBytes + ALLOWANCE_BYTES;
}
