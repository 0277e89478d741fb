import type { Socket } from 'node:net';
import { FetchError } from '../fetch-error.ts';

/**
 * Bytes that an answer may have beyond twice its body's limit: status lines, headers, trailers, chunk framing, the TLS
 * handshake, redirect answers, and data that was read ahead of a body that is then cut.
 */
const ALLOWANCE_BYTES = 524_288;

/**
 * Milliseconds between two checks of the count. Some bytes of TLS never become data, so counting at `data` events is not
 * enough.
 */
const CHECK_MS = 50;

/** Counts all bytes that arrive over the connections of one request, and ends the connection that exceeds the limit. */
export interface WireBudget {
  /**
   * Counts a connection from now on.
   *
   * @param stream the stream that the client reads: the connection itself, or its TLS socket
   * @returns a function that compares the bytes that have arrived so far with the limit
   */
  count(connection: Socket, stream: Socket): () => void;
  /** Set once the limit was exceeded. */
  readonly failure: FetchError | undefined;
}

/** Starts the count for one request. @param maxBodyBytes limit of the body after decompression */
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

/**
 * Returns the maximum bytes of an answer on the wire, headers, framing and redirects included. A chunk of one byte takes
 * six bytes on the wire.
 */
export function wireLimit(maxBodyBytes: number): number {
  return 2 * maxBodyBytes + ALLOWANCE_BYTES;
}
