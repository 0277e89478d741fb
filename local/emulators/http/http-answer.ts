import { type OutgoingHttpHeaders, type ServerResponse, STATUS_CODES } from 'node:http';
import { rawHead } from './http-text.ts';

/** A complete answer before it is sent. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<OutgoingHttpHeaders>;
  readonly body: string | Buffer;
}

/** Builds a problem document (RFC 9457) in the form that the functions use. */
export function problemAnswer(status: number, code: string, detail: string): HttpAnswer {
  const title = STATUS_CODES[status] ?? 'Error';
  return {
    status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store' },
    body: JSON.stringify({ type: 'about:blank', title, status, code, detail, error: detail }),
  };
}

/** Returns the answer with further headers. */
export function withHeaders(answer: HttpAnswer, headers: OutgoingHttpHeaders): HttpAnswer {
  return { ...answer, headers: { ...answer.headers, ...headers } };
}

/** Sends an answer. Destroys the response instead when the client has gone or an answer was already sent. */
export function sendAnswer(response: ServerResponse, { status, headers, body }: HttpAnswer): void {
  if (response.destroyed || response.headersSent) return void response.destroy();
  response.writeHead(status, {
    ...headers,
    ...(body.length > 0 && { 'content-length': Buffer.byteLength(body) }),
  });
  response.end(body);
}

/**
 * Formats an answer as text for a socket that Node's server no longer owns. It is the last answer of the connection.
 */
export function rawAnswer({ status, headers, body }: HttpAnswer): string {
  const all = { ...headers, 'content-length': Buffer.byteLength(body), connection: 'close' };
  return rawHead(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}`, Object.entries(all)) + body;
}
