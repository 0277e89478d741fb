import type { IncomingMessage, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { CONNECTION_LIMITS, type WebSocketApi } from './websocket-api.ts';

/** Bytes that a client may leave unread before posting to it is refused. */
const MAX_UNREAD_BYTES = 4 * 1024 * 1024;

/**
 * The `@connections` API: posts to a connection (POST), tells of it (GET), closes it (DELETE).
 * What is not open answers 410 GoneException, also while its `$connect` is still running.
 *
 * @returns a request handler for `/<stage>/@connections/<id>`
 */
export function webSocketManagement({ connections }: Pick<WebSocketApi, 'connections'>) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const refuse = (status: number, errorType: string) => {
      response.writeHead(status, { 'content-type': 'application/json', 'x-amzn-errortype': errorType });
      response.end(JSON.stringify({ message: errorType }));
    };
    const id = decodeURIComponent(request.url?.split('/@connections/')[1]?.split('?')[0] ?? '');
    const body = await buffer(request);
    const connection = connections.get(id);
    if (connection?.socket.readyState !== 1) return refuse(410, 'GoneException');
    const { socket, connectedAt, lastActiveAt, sourceIp, userAgent } = connection;
    switch (request.method) {
      case 'POST':
        if (body.length > CONNECTION_LIMITS.messageBytes) return refuse(413, 'PayloadTooLargeException');
        if (socket.bufferedAmount > MAX_UNREAD_BYTES) return refuse(429, 'LimitExceededException');
        socket.send(body, { binary: false });
        connection.lastActiveAt = new Date();
        response.writeHead(200).end();
        return;
      case 'GET':
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ connectedAt, lastActiveAt, identity: { sourceIp, userAgent } }));
        return;
      case 'DELETE':
        socket.close(1000, 'Connection Closed Normally');
        response.writeHead(204).end();
        return;
      default:
        return refuse(403, 'ForbiddenException');
    }
  };
}
