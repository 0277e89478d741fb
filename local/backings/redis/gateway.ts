import { randomUUID } from 'node:crypto';
import { type WebSocketApi, webSocketApi } from '../../emulators/api-gateway/websocket-api.ts';
import { askHere, webSocketManagement } from '../../emulators/api-gateway/websocket-management.ts';
import { namesThisMachine } from '../../emulators/http/endpoint-guard.ts';
import { remoteLambda } from '../../emulators/lambda/remote-lambda.ts';
import { startLoopbackServer } from '../../process/loopback-server.ts';
import type { Deployment } from '../../template/deployment.ts';
import { connectRedis } from './redis-client.ts';
import { askHolder } from './redis-connections.ts';
import { joinHolders } from './redis-holders.ts';
import { openMailbox } from './redis-mailbox.ts';

/*
 * The program of a gateway process. Several gateways share the WebSocket connections. The parent sends the options and
 * receives the port. The parent's next message asks for a stop. A gateway without a parent ends at once.
 */

export interface GatewayOptions {
  readonly api: Deployment['webSocket'];
  /** Address at which Lambda can be invoked. */
  readonly lambdaEndpoint: string;
  readonly redisUrl: string;
}

/** The one message that a gateway sends to its parent. */
export type GatewayMessage = { readonly port: number } | { readonly failure: string };

// Only the parent ends a gateway: Ctrl-C reaches both, and the parent knows the order of a stop.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
process.once('disconnect', () => process.exit(0));

process.once('message', (options: GatewayOptions) => {
  const send = (message: GatewayMessage) => process.send?.(message);
  void serve(options).then(
    ({ port, stop }) => {
      process.once('message', () => void stop().finally(() => process.exit(0)));
      send({ port });
    },
    (error: Error) => send({ failure: error.message }),
  );
});

async function serve({ api, lambdaEndpoint, redisUrl }: GatewayOptions) {
  const gateway = randomUUID();
  const redis = await connectRedis(redisUrl);
  const lambda = remoteLambda(lambdaEndpoint);
  // Other gateways may have reported these connections as gone. Closed clients reconnect and get the present state;
  // clients that stayed would wait for frames that never come.
  const letGo = () => sockets.closeAll();
  const holders = await joinHolders({
    redis,
    gateway,
    bury: (connection) => sockets.bury(connection),
    expelled: letGo,
  });
  const sockets: WebSocketApi = webSocketApi({ api, lambda, holders });
  const here = askHere(sockets);
  const mailbox = await openMailbox({ redis, address: gateway, answer: here, interrupted: letGo });
  const elsewhere = askHolder(redis, mailbox);
  const manage = webSocketManagement(async (request) =>
    sockets.connections.has(request.connectionId) ? here(request) : elsewhere(request),
  );

  const { server, port } = await startLoopbackServer((request, response) => {
    // A web page must not manage connections.
    const { origin, host } = request.headers;
    if (origin === undefined && namesThisMachine(host)) void manage(request, response);
    else response.writeHead(403, { connection: 'close' }).end();
  });
  server.on(
    'upgrade',
    (request, socket, head) => void sockets.upgrade(request, socket, head).catch(() => socket.destroy()),
  );
  return {
    port,
    stop: async () => {
      server.close();
      await sockets.stop();
      await holders.leave();
    },
  };
}
