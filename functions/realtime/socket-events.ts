import { Refusal } from '../refusal.ts';
import { type ConnectDeps, connectSocket, SUBPROTOCOL } from './connect.ts';
import type { CloseConnection } from './frames.ts';
import { MESSAGE_BURST, MESSAGES_PER_SECOND, messageRate } from './message-rate.ts';
import { receiveMessage, tellingRefusals } from './messages.ts';
import { forget } from './store.ts';
import { postWhenOpen, type SubscribeDeps, subscribe } from './subscribe.ts';

/** An asynchronous event of the function to itself: send this connection its first frame. */
export type Greeting = { greet: { connectionId: string } & ({ taskId: string } | { batchId: string }) };

export type SocketDeps = ConnectDeps &
  SubscribeDeps & {
    close: CloseConnection;
    greetLater: (greeting: Greeting) => Promise<void>;
    logFault: (message: string, details: Record<string, unknown>) => void;
  };

/** An event of API Gateway. Header names are as the client wrote them. */
type SocketEvent = {
  requestContext: { routeKey: string; connectionId: string };
  headers?: Record<string, string | undefined>;
  queryStringParameters?: Record<string, string | undefined> | null;
  body?: string | undefined;
};

/** All events that invoke the socket function. */
export type SocketInput = SocketEvent | Greeting;

type Answer = { statusCode: number; headers?: Record<string, string> };

const STATUS: Partial<Record<Refusal['kind'], number>> = {
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  too_many_requests: 429,
};

/** Handles `$connect`, `$disconnect`, messages, and the first frame of a new connection. */
export function socketEvents(deps: SocketDeps): (event: SocketInput) => Promise<Answer> {
  const rate = messageRate();
  const routes: Record<string, (connectionId: string, event: SocketEvent) => Promise<Answer>> = {
    $connect: (connectionId, event) => open(deps, connectionId, event),
    $disconnect: async (connectionId) => {
      await forget(deps.db, [connectionId]);
      return { statusCode: 200 };
    },
    $default: async (connectionId, event) => {
      const verdict = rate(connectionId);
      if (verdict === 'within') await receiveMessage(deps, connectionId, event.body ?? '');
      if (verdict === 'exceeded') await endFlood(deps, connectionId);
      return { statusCode: 200 };
    },
  };
  return async (event) => {
    if ('greet' in event) return greet(deps, event);
    const { routeKey, connectionId } = event.requestContext;
    const route = routes[routeKey] ?? routes.$default;
    try {
      return route ? await route(connectionId, event) : { statusCode: 404 };
    } catch (error) {
      if (error instanceof Refusal) return { statusCode: STATUS[error.kind] ?? 400 };
      deps.logFault('socket event failed', { error, routeKey });
      return { statusCode: 500 };
    }
  };
}

async function open(deps: SocketDeps, connectionId: string, event: SocketEvent): Promise<Answer> {
  const query = event.queryStringParameters ?? {};
  const subprotocols = headerOf(event, 'sec-websocket-protocol')
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean);
  const credentials = { ticket: query.ticket, subprotocols, tokenInUrl: query.token };
  await connectSocket(deps, connectionId, {
    credentials,
    named: { taskId: query.task, batchId: query.batch },
  });
  if (query.task !== undefined) await deps.greetLater({ greet: { connectionId, taskId: query.task } });
  if (query.batch !== undefined) await deps.greetLater({ greet: { connectionId, batchId: query.batch } });
  // A client that offered subprotocols disconnects unless the answer selects one of them. The token must not be echoed.
  return subprotocols.includes(SUBPROTOCOL)
    ? { statusCode: 200, headers: { 'Sec-WebSocket-Protocol': SUBPROTOCOL } }
    : { statusCode: 200 };
}

/** Sends a connection the refusal of too many messages, and closes the connection. */
async function endFlood(deps: SocketDeps, connectionId: string): Promise<void> {
  try {
    await tellingRefusals(deps, connectionId, () => {
      throw new Refusal('too_many_requests', 'too_many_messages', TOO_MANY_MESSAGES);
    });
  } finally {
    await deps.close(connectionId);
  }
}

const TOO_MANY_MESSAGES = `A connection may send ${MESSAGE_BURST} messages at once, and ${MESSAGES_PER_SECOND} a second; it is closed`;

async function greet(all: SocketDeps, { greet: { connectionId, ...named } }: Greeting): Promise<Answer> {
  const subject = 'taskId' in named ? { task: named.taskId } : { batch: named.batchId };
  const deps = { ...all, post: postWhenOpen(all.post) };
  await tellingRefusals(deps, connectionId, () => subscribe(deps, connectionId, subject));
  return { statusCode: 200 };
}

function headerOf({ headers = {} }: SocketEvent, name: string): string {
  return Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1] ?? '';
}
