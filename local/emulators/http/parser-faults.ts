import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { type HttpAnswer, problemAnswer, rawAnswer, sendAnswer } from './http-answer.ts';

/** Milliseconds that a refused client has to read the answer before its connection is cut. */
const LINGER = 1_000;

/**
 * Answers with a problem document where Node's HTTP server itself refuses: a request that the parser rejects, that
 * takes too long, or that has an unsupported expectation. After a parser fault the connection is closed, because the
 * start of the next request is unknown.
 */
export function answerParserFaults(server: Server): void {
  const latest = new WeakMap<Duplex, { request: IncomingMessage; response: ServerResponse }>();
  const refused = new WeakSet<Duplex>();
  server.on('request', (request, response) => latest.set(request.socket, { request, response }));
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (refused.has(socket)) return;
    refused.add(socket);
    const end = () => endWith(socket, faultOf(error.code));
    const before = latest.get(socket);
    if (!before || before.response.writableFinished) return end();
    // The fault belongs to a later request: the request before it gets its answer first.
    if (before.request.complete) return void before.response.once('finish', end);
    if (before.response.headersSent) return void socket.destroy();
    end();
  });
  server.on('checkExpectation', (_request, response) =>
    sendAnswer(response, problemAnswer(417, 'expectation_failed', 'Expect: Only 100-continue is supported')),
  );
  server.on('connect', (_request, socket) =>
    endWith(socket, problemAnswer(405, 'method_not_allowed', 'This server is no proxy: CONNECT is refused')),
  );
}

function faultOf(code: string | undefined): HttpAnswer {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return problemAnswer(431, 'headers_too_large', 'The request line and the headers are too large');
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return problemAnswer(413, 'body_too_large', 'The extensions of a chunk are too large');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return problemAnswer(408, 'request_timeout', 'The request did not arrive in time');
    default:
      return problemAnswer(400, 'malformed_request', 'The request is not valid HTTP');
  }
}

function endWith(socket: Duplex, answer: HttpAnswer): void {
  if (!socket.writable) return void socket.destroy();
  socket.on('error', () => socket.destroy());
  socket.end(rawAnswer(answer));
  socket.resume();
  setTimeout(() => socket.destroy(), LINGER).unref();
}
