import type { IncomingMessage, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { CONNECTION_LIMITS, type WebSocketApi } from './websocket-api.ts';

/** Bytes that a client may leave unread before posts to it are refused. */
const MAX_UNREAD_BYTES = 4 * 1024 * 1024;

/** A request of the `@connections` API. */
export interface ConnectionRequest {
  /** POST sends `body`, GET describes the connection, DELETE closes it. */
  readonly method: string;
  readonly connectionId: string;
  readonly body: Buffer;
}

export interface ConnectionAnswer {
  readonly status: number;
  /** The exception's name, unless the status is 2xx. */
  readonly errorType?: string;
  /** JSON text. */
  readonly body?: string;
}

/** Answers a request for a connection of any process. */
export type AskConnection = (request: ConnectionRequest) => Promise<ConnectionAnswer>;

export const GONE: ConnectionAnswer = { status: 410, errorType: 'GoneException' };

/**
 * Answers for the connections of this process. A connection that is not open answers 410 GoneException, also while its
 * `$connect` is running.
 */
export function askHere({ connections }: Pick<WebSocketApi, 'connections'>): AskConnection {
  return async ({ method, connectionId, body }) => {
    const connection = connections.get(connectionId);
    if (connection?.socket.readyState !== 1) return GONE;
    const { socket, connectedAt, lastActiveAt, sourceIp, userAgent } = connection;
    switch (method) {
      case 'POST':
        if (body.length > CONNECTION_LIMITS.messageBytes)
          return { status: 413, errorType: 'PayloadTooLargeException' };
        if (socket.bufferedAmount > MAX_UNREAD_BYTES)
          return { status: 429, errorType: 'LimitExceededException' };
        socket.send(body, { binary: false });
        connection.lastActiveAt = new Date();
        return { status: 200 };
      case 'GET':
        return {
          status: 200,
          body: JSON.stringify({ connectedAt, lastActiveAt, identity: { sourceIp, userAgent } }),
        };
      case 'DELETE':
        socket.close(1000, 'Connection Closed Normally');
        return { status: 204 };
      default:
        return { status: 403, errorType: 'ForbiddenException' };
    }
  };
}

/** Returns a request handler for `/<stage>/@connections/<id>`. */
export function webSocketManagement(ask: AskConnection) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const connectionId = decodeURIComponent(request.url?.split('/@connections/')[1]?.split('?')[0] ?? '');
    const body = await buffer(request);
    const answer = await ask({ method: request.method ?? 'GET', connectionId, body });
    const { status, errorType } = answer;
    response.writeHead(status, {
      ...(answer.body || errorType ? { 'content-type': 'application/json' } : {}),
      ...(errorType ? { 'x-amzn-errortype': errorType } : {}),
    });
    response.end(errorType ? JSON.stringify({ message: errorType }) : answer.body);
  };
}
