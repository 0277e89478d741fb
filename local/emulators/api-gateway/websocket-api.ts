import { randomBytes } from 'node:crypto';
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Deployment } from '../../template/deployment.ts';
import { rawAnswer } from '../http/http-answer.ts';
import type { Lambda } from '../lambda/lambda.ts';
import { clientAddress } from './http-api.ts';
import { type ConnectionInfo, connectEvent, disconnectEvent, messageEvent } from './websocket-events.ts';

/** API Gateway's limits for a connection. */
export const CONNECTION_LIMITS = { messageBytes: 128 * 1024, idleSeconds: 600, lifeSeconds: 7200 };

/**
 * Messages of one connection that the function handles at the same time. The next message waits, and the socket is
 * paused. API Gateway has hundreds of sandboxes; here a flood on one connection must not delay the messages of other
 * connections.
 */
const MESSAGES_IN_FLIGHT = 4;

/** An open connection. */
export interface Connection extends ConnectionInfo {
  readonly socket: WebSocket;
  lastActiveAt: Date;
}

export interface WebSocketApi {
  readonly connections: ReadonlyMap<string, Connection>;
  /** Handles an upgrade request: calls `$connect` first, and refuses with its status unless the status is 2xx. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void>;
  /** Calls `$disconnect` for a connection of another process that is dead. */
  bury(connection: ConnectionInfo): Promise<unknown>;
  /** Closes every connection with 1001, so that its client reconnects. */
  closeAll(): void;
  /** Closes every connection and waits until `$disconnect` has run for each. */
  stop(): Promise<void>;
}

/** Registry of the processes that hold connections, when there are several processes. */
export interface ConnectionHolders {
  /** Must resolve before the client gets its handshake: from then on others may post to the connection. */
  hold(connection: ConnectionInfo): Promise<void>;
  /** Never rejects. */
  release(connectionId: string): Promise<void>;
}

interface ConnectResponse {
  statusCode?: number;
  headers?: Record<string, string>;
}

/**
 * Emulates an API Gateway WebSocket API with Lambda proxy integrations.
 *
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api.html
 */
export function webSocketApi(options: {
  api: Deployment['webSocket'];
  lambda: Pick<Lambda, 'invoke'>;
  limits?: typeof CONNECTION_LIMITS;
  /** Default: only this process holds connections. */
  holders?: ConnectionHolders;
}): WebSocketApi {
  const { api, lambda, limits = CONNECTION_LIMITS, holders } = options;
  const functions = new Map(api.routes.map(({ routeKey, functionName }) => [routeKey, functionName]));
  const connections = new Map<string, Connection>();
  const endings = new Set<Promise<unknown>>();
  /** The subprotocol that `$connect` chose, kept until the handshake sends it. */
  const subprotocols = new WeakMap<IncomingMessage, string>();
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: limits.messageBytes,
    handleProtocols: (_offered, request) => subprotocols.get(request) ?? false,
  });
  const sweeper = setInterval(closeExpired, Math.min(limits.idleSeconds * 250, 10_000)).unref();

  /** Calls the function of a route. @returns undefined when there is no such route or the function failed */
  async function call(routeKey: string, event: unknown): Promise<unknown> {
    const functionName = functions.get(routeKey);
    if (!functionName) return undefined;
    const outcome = await lambda.invoke(functionName, JSON.stringify(event)).catch(() => undefined);
    return !outcome || outcome.functionError ? undefined : JSON.parse(outcome.payload);
  }

  async function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', () => socket.destroy());
    const info: ConnectionInfo = {
      connectionId: randomBytes(11).toString('base64'),
      connectedAt: new Date(),
      sourceIp: clientAddress(request),
      userAgent: request.headers['user-agent'] ?? '',
      host: request.headers.host?.split(':')[0] ?? 'localhost',
    };
    if (functions.has('$connect')) {
      const answer = (await call('$connect', connectEvent(info, api.stage, request))) as
        | ConnectResponse
        | undefined;
      const status = answer?.statusCode ?? 500;
      if (status < 200 || status > 299) return refuseUpgrade(socket, status);
      const subprotocol = Object.entries(answer?.headers ?? {}).find(
        ([name]) => name.toLowerCase() === 'sec-websocket-protocol',
      )?.[1];
      if (subprotocol) subprotocols.set(request, subprotocol);
    }
    try {
      await holders?.hold(info);
    } catch {
      leave(info, 1006, '');
      return refuseUpgrade(socket, 500);
    }
    // `$disconnect` also runs for a client that left during `$connect`.
    if (socket.destroyed) return void leave(info, 1006, '');
    server.handleUpgrade(request, socket, head, (webSocket) => open(info, webSocket));
  }

  function open(info: ConnectionInfo, socket: WebSocket): void {
    const connection: Connection = { ...info, socket, lastActiveAt: new Date() };
    connections.set(info.connectionId, connection);
    const touch = () => {
      connection.lastActiveAt = new Date();
    };
    socket.on('ping', touch);
    socket.on('pong', touch);
    socket.on('error', () => {});
    const waiting: (() => Promise<void>)[] = [];
    let inFlight = 0;
    const next = async (): Promise<void> => {
      if (inFlight === MESSAGES_IN_FLIGHT) return;
      // The connection is closed: its earlier messages are dropped.
      if (socket.readyState !== socket.OPEN) waiting.length = 0;
      const work = waiting.shift();
      if (waiting.length === 0 && socket.isPaused) socket.resume();
      if (!work) return;
      inFlight += 1;
      await work();
      inFlight -= 1;
      await next();
    };
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      touch();
      waiting.push(() => receive(connection, data, isBinary));
      void next();
      if (waiting.length > 0) socket.pause();
    });
    socket.once('close', (code, reason) => {
      connections.delete(info.connectionId);
      leave(info, code, reason.toString());
    });
  }

  async function receive(connection: Connection, data: Buffer, isBinary: boolean): Promise<void> {
    const selected = selectRoute(api.selection, data);
    const routeKey = selected !== undefined && functions.has(selected) ? selected : '$default';
    const event = messageEvent(connection, { stage: api.stage, routeKey, message: { data, isBinary } });
    if ((await call(routeKey, event)) !== undefined) return;
    const message = functions.has(routeKey) ? 'Internal server error' : 'Forbidden';
    const { connectionId } = connection;
    connection.socket.send(
      JSON.stringify({ message, connectionId, requestId: event.requestContext.requestId }),
    );
  }

  function leave(info: ConnectionInfo, code: number, reason: string): void {
    const ending = Promise.all([
      holders?.release(info.connectionId),
      call('$disconnect', disconnectEvent(info, { stage: api.stage, code, reason })),
    ]);
    endings.add(ending);
    void ending.finally(() => endings.delete(ending));
  }

  function closeExpired(): void {
    const now = Date.now();
    for (const { socket, connectedAt, lastActiveAt } of connections.values()) {
      const isIdle = now - lastActiveAt.getTime() > limits.idleSeconds * 1000;
      const isOld = now - connectedAt.getTime() > limits.lifeSeconds * 1000;
      if (isIdle || isOld) socket.close(1001, 'Going away');
    }
  }

  function closeAll(): void {
    for (const { socket } of connections.values()) {
      socket.close(1001, 'Going away');
      // A client that does not answer the close within a second is disconnected.
      setTimeout(() => socket.terminate(), 1000).unref();
    }
  }

  return {
    connections,
    upgrade,
    bury: (info) => call('$disconnect', disconnectEvent(info, { stage: api.stage, code: 1006, reason: '' })),
    closeAll,
    stop: async () => {
      clearInterval(sweeper);
      const closed = [...connections.values()].map(
        ({ socket }) => new Promise((resolve) => socket.once('close', resolve)),
      );
      closeAll();
      await Promise.all(closed);
      await Promise.all(endings);
    },
  };
}

/** Returns the value that a selection expression such as `$request.body.action` finds in a JSON message. */
function selectRoute(expression: string, data: Buffer): string | undefined {
  const path = /^\$\{?request\.body\.([\w.]+)\}?$/.exec(expression)?.[1]?.split('.') ?? [];
  try {
    let value: unknown = JSON.parse(data.toString('utf8'));
    for (const name of path) value = (value as Record<string, unknown> | null)?.[name];
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}

function refuseUpgrade(socket: Duplex, status: number): void {
  const body = JSON.stringify({ message: STATUS_CODES[status] ?? 'Refused', connectionId: null });
  socket.end(rawAnswer({ status, headers: { 'content-type': 'application/json' }, body }));
}
