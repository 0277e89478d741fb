import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { StartFailure } from '../../process/start-failure.ts';
import { namesThisMachine } from '../http/endpoint-guard.ts';
import { type HttpAnswer, problemAnswer, rawAnswer, sendAnswer, withHeaders } from '../http/http-answer.ts';
import { headerPairs } from '../http/http-text.ts';
import { answerParserFaults } from '../http/parser-faults.ts';
import type { Seen, Viewed } from './viewer-request.ts';

/** The servers behind the front door. */
export interface Origins {
  readonly httpApi: (request: IncomingMessage) => Promise<HttpAnswer>;
  /** Answers paths that exist only on this machine. Default: there are none. */
  readonly localApi?: { readonly paths: RegExp; answer(request: IncomingMessage): Promise<HttpAnswer> };
  readonly webSocketApi: (request: IncomingMessage, socket: Duplex, head: Buffer) => Promise<void>;
  readonly files: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  /** Runs the function at the edge: returns the rewritten request, or an answer. */
  readonly viewerRequest: (request: Viewed) => Seen;
  /** Pages that replace answers of an origin and CloudFront's own answers, by the replaced status. */
  readonly errorPages: ReadonlyMap<number, HttpAnswer>;
}

export interface FrontDoor {
  /** Begins to serve; every earlier request gets 503. */
  open(origins: Origins): void;
  /** Accepts no more connections; requests under way continue. */
  close(): void;
  /** Closes, and cuts the open connections. */
  stop(): void;
}

/** Both loopback addresses: clients resolve `localhost` to one or the other. */
const ADDRESSES = ['127.0.0.1', '::1'];

/** Paths of the HTTP API and of the WebSocket API. All other paths are files. */
const API_PATHS = /^\/(?:api(?:\/|$)|\.well-known\/)/;
const SOCKET_PATHS = /^\/ws(?:\/|$)/;

/** CloudFront's limits in bytes: for the request line with the headers, and for a URL. */
const MAX_HEAD_BYTES = 32_768;
const MAX_URL_BYTES = 8_192;

/** Additional host names, for example of a proxy, separated by commas. */
const ALLOWED_HOSTS = new Set((process.env.ALLOWED_HOSTS ?? '').split(',').filter(Boolean));

const SERVER_OPTIONS = {
  keepAliveTimeout: 65_000,
  maxHeaderSize: MAX_HEAD_BYTES,
  // Node would answer a missing host without a body; `faultOf` answers it with a problem document.
  requireHostHeader: false,
};

const STARTING = withHeaders(
  problemAnswer(503, 'unavailable', 'Celeriac is starting; ask again in a moment'),
  { 'retry-after': '1' },
);
const NO_SOCKET = withHeaders(problemAnswer(426, 'upgrade_required', 'This is the address of a WebSocket'), {
  upgrade: 'websocket',
});
const UNREACHABLE = problemAnswer(502, 'bad_gateway', 'The API could not be reached; ask again in a moment');
const NOT_FOUND = problemAnswer(404, 'not_found', 'There is nothing here');

/**
 * Starts the stand-in for CloudFront on each of `ports`: console, API and WebSocket on one origin.
 *
 * @throws {StartFailure} when a port is taken
 */
export async function startFrontDoor(ports: readonly number[]): Promise<FrontDoor> {
  let origins: Origins | undefined;
  const servers: Server[] = [];
  for (const port of new Set(ports)) {
    for (const address of ADDRESSES) {
      const server = createServer(SERVER_OPTIONS, (request, response) => {
        void respond(request, response, origins);
      });
      answerParserFaults(server);
      server.on('upgrade', (request, socket, head) => {
        socket.on('error', () => socket.destroy());
        const refusal = upgrade({ request, socket, head }, origins);
        if (refusal) socket.end(rawAnswer(refusal));
      });
      try {
        if (await listens(server, port, address)) servers.push(server);
      } catch (error) {
        stop();
        throw error;
      }
    }
  }

  function close(): void {
    for (const server of servers) {
      server.close();
      server.closeIdleConnections();
    }
  }

  function stop(): void {
    close();
    for (const server of servers) server.closeAllConnections();
  }

  return {
    open: (given) => {
      origins = given;
    },
    close,
    stop,
  };
}

async function respond(request: IncomingMessage, response: ServerResponse, origins?: Origins): Promise<void> {
  const refusal = origins ? faultOf(request, origins) : STARTING;
  if (refusal || !origins) {
    request.resume();
    return sendAnswer(response, refusal ?? STARTING);
  }
  const path = pathOf(request);
  if (SOCKET_PATHS.test(path)) {
    request.resume();
    return sendAnswer(response, NO_SOCKET);
  }
  const { localApi } = origins;
  if (localApi?.paths.test(path)) {
    return sendAnswer(response, await localApi.answer(request).catch(() => UNREACHABLE));
  }
  if (!API_PATHS.test(path)) return origins.files(request, response);
  sendAnswer(response, await answerOfApi(request, origins));
}

async function answerOfApi(request: IncomingMessage, origins: Origins): Promise<HttpAnswer> {
  const seen = origins.viewerRequest(request);
  if ('answer' in seen) {
    request.resume();
    return seen.answer;
  }
  rewrite(request, seen);
  const answer = await origins.httpApi(request).catch(() => UNREACHABLE);
  return origins.errorPages.get(answer.status) ?? answer;
}

/** @returns the answer to a request that does not become a WebSocket */
function upgrade(
  { request, socket, head }: { request: IncomingMessage; socket: Duplex; head: Buffer },
  origins?: Origins,
): HttpAnswer | undefined {
  if (!origins) return STARTING;
  const fault = faultOf(request, origins);
  if (fault) return fault;
  if (!SOCKET_PATHS.test(pathOf(request))) return NOT_FOUND;
  const seen = origins.viewerRequest(request);
  if ('answer' in seen) return seen.answer;
  rewrite(request, seen);
  void origins.webSocketApi(request, socket, head).catch(() => socket.destroy());
  return undefined;
}

/** Applies the changes of the function at the edge to a request. */
function rewrite(
  request: IncomingMessage,
  { url, headers }: { url: string; headers: Readonly<Record<string, string>> },
): void {
  request.url = url;
  for (const [name, value] of Object.entries(headers)) {
    request.headers[name] = value;
    request.headersDistinct[name] = [value];
    const others = headerPairs(request.rawHeaders).filter(([given]) => given.toLowerCase() !== name);
    request.rawHeaders = [...others, [name, value]].flat();
  }
}

/** Returns the refusal of a request that must not reach an origin. Also changes an absolute URL to a path. */
function faultOf(request: IncomingMessage, { errorPages }: Origins): HttpAnswer | undefined {
  request.url = (request.url ?? '/').replace(/^https?:\/\/[^/?#]*/i, '') || '/';
  if (request.url.length > MAX_URL_BYTES) {
    const detail = `The URL must not exceed ${MAX_URL_BYTES} bytes`;
    return errorPages.get(414) ?? problemAnswer(414, 'uri_too_long', detail);
  }
  const [host, ...more] =
    request.headersDistinct.host ?? (request.httpVersion === '1.0' ? ['localhost'] : []);
  if (host === undefined || more.length > 0 || !URL.canParse(`http://${host}`)) {
    return problemAnswer(
      400,
      'invalid_request',
      'Host: Exactly one name is required, with a port if you like',
    );
  }
  if (!namesThisMachine(host) && !ALLOWED_HOSTS.has(URL.parse(`http://${host}`)?.hostname ?? '')) {
    const detail = `Host: ${host} is not a name of this machine. Set ALLOWED_HOSTS to the names by which you reach it`;
    return problemAnswer(421, 'misdirected_request', detail);
  }
  return undefined;
}

const pathOf = ({ url = '/' }: IncomingMessage): string => url.split('?')[0] ?? '/';

/** @returns false where the machine has no such address */
function listens(server: Server, port: number, address: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    server.once('error', ({ code, message }: NodeJS.ErrnoException) => {
      if (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT') return resolve(false);
      const why =
        code === 'EADDRINUSE'
          ? `port ${port} is in use: stop what listens there, or set PORT and WS_PORT`
          : `cannot listen on port ${port}: ${message}`;
      reject(new StartFailure(why));
    });
    server.listen(port, address, () => resolve(true));
  });
}
