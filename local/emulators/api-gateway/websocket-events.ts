import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { headerPairs } from '../http/http-text.ts';
import { accessLogTime } from './http-api.ts';

/** A client's connection. It exists from the call of `$connect` on. */
export interface ConnectionInfo {
  readonly connectionId: string;
  readonly connectedAt: Date;
  readonly sourceIp: string;
  readonly userAgent: string;
  readonly host: string;
}

type EventType = 'CONNECT' | 'MESSAGE' | 'DISCONNECT';

/** Builds the request context that every event of a WebSocket API contains. */
function requestContext(
  connection: ConnectionInfo,
  { stage, routeKey, eventType }: { stage: string; routeKey: string; eventType: EventType },
) {
  const now = new Date();
  const requestId = randomUUID();
  return {
    routeKey,
    eventType,
    messageDirection: 'IN',
    stage,
    connectionId: connection.connectionId,
    connectedAt: connection.connectedAt.getTime(),
    requestTime: accessLogTime(now),
    requestTimeEpoch: now.getTime(),
    requestId,
    extendedRequestId: requestId,
    domainName: connection.host,
    apiId: 'local',
    identity: { sourceIp: connection.sourceIp, userAgent: connection.userAgent },
  };
}

/** Builds the `$connect` event, the only event with the headers and query parameters of the client's request. */
export function connectEvent(connection: ConnectionInfo, stage: string, request: IncomingMessage) {
  const query = new URL(request.url ?? '/', 'http://localhost').searchParams;
  const headers: Record<string, string[]> = {};
  for (const [name, value] of headerPairs(request.rawHeaders)) {
    const known = Object.keys(headers).find((other) => other.toLowerCase() === name.toLowerCase()) ?? name;
    headers[known] = [...(headers[known] ?? []), value];
  }
  headers['X-Forwarded-For'] = [connection.sourceIp];
  const parameters = Object.fromEntries([...new Set(query.keys())].map((name) => [name, query.getAll(name)]));
  return {
    headers: lastOfEach(headers),
    multiValueHeaders: headers,
    ...(query.size > 0
      ? { queryStringParameters: lastOfEach(parameters), multiValueQueryStringParameters: parameters }
      : {}),
    requestContext: requestContext(connection, { stage, routeKey: '$connect', eventType: 'CONNECT' }),
    isBase64Encoded: false,
  };
}

export function messageEvent(
  connection: ConnectionInfo,
  {
    stage,
    routeKey,
    message,
  }: { stage: string; routeKey: string; message: { data: Buffer; isBinary: boolean } },
) {
  return {
    requestContext: {
      ...requestContext(connection, { stage, routeKey, eventType: 'MESSAGE' }),
      messageId: randomUUID(),
    },
    body: message.data.toString(message.isBinary ? 'base64' : 'utf8'),
    isBase64Encoded: message.isBinary,
  };
}

export function disconnectEvent(
  connection: ConnectionInfo,
  { stage, code, reason }: { stage: string; code: number; reason: string },
) {
  const headers = { Host: [connection.host], 'X-Forwarded-For': [connection.sourceIp] };
  return {
    headers: lastOfEach(headers),
    multiValueHeaders: headers,
    requestContext: {
      ...requestContext(connection, { stage, routeKey: '$disconnect', eventType: 'DISCONNECT' }),
      disconnectStatusCode: code,
      disconnectReason: reason,
    },
    isBase64Encoded: false,
  };
}

function lastOfEach(values: Record<string, string[]>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, list]) => [name, list.at(-1) ?? '']));
}
