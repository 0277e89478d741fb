import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { StartFailure } from './start-failure.ts';

/** What the front door stands before. */
export interface Origins {
  readonly httpApi: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  readonly webSocketApi: (request: IncomingMessage, socket: Duplex, head: Buffer) => Promise<void>;
  readonly files: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  /** What a WebSocket address becomes for the API; undefined for a path that is no WebSocket address. */
  readonly webSocketPath: (url: string) => string | undefined;
}

export interface FrontDoor {
  /** Begins to answer; until then every request gets 503. */
  open(origins: Origins): void;
  /** Accepts no more connections; requests under way go on. */
  close(): void;
  /** Closes, and cuts what is still connected. */
  stop(): void;
}

/** Both loopback addresses: `localhost` means one to some clients and the other to others. */
const ADDRESSES = ['127.0.0.1', '::1'];

/** Paths that go to the HTTP API; the rest are files. */
const API_PATHS = /^\/(api|\.well-known)(\/|$)/;

/**
 * The stand-in for CloudFront: console, API and WebSocket on one origin, on each of `ports`.
 *
 * @throws {StartFailure} when a port is taken
 */
export async function startFrontDoor(ports: readonly number[]): Promise<FrontDoor> {
  let origins: Origins | undefined;
  const servers: Server[] = [];
  for (const port of new Set(ports)) {
    for (const address of ADDRESSES) {
      const server = createServer({ keepAliveTimeout: 65_000 }, (request, response) => {
        if (!origins) return void response.writeHead(503, { 'retry-after': '1' }).end();
        const isApi = API_PATHS.test(request.url ?? '/');
        void (isApi ? origins.httpApi(request, response) : origins.files(request, response));
      });
      server.on('upgrade', (request, socket, head) => {
        const rewritten = origins?.webSocketPath(request.url ?? '/');
        // The API's addresses pass the same function; they are no WebSockets.
        if (!origins || !rewritten?.startsWith('/ws')) {
          socket.end(
            `HTTP/1.1 ${origins ? '404 Not Found' : '503 Service Unavailable'}\r\nConnection: close\r\n\r\n`,
          );
          return;
        }
        request.url = rewritten;
        void origins.webSocketApi(request, socket, head).catch(() => socket.destroy());
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
