import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { GONE } from '../../emulators/api-gateway/websocket-management.ts';
import { headerPairs, rawHead } from '../../emulators/http/http-text.ts';
import { StartFailure } from '../../process/start-failure.ts';
import type { Sockets } from '../backing.ts';
import type { GatewayMessage, GatewayOptions } from './gateway.ts';
import { connectRedis } from './redis-client.ts';
import { askHolder } from './redis-connections.ts';
import { openMailbox } from './redis-mailbox.ts';

const PROGRAM = fileURLToPath(new URL('./gateway.ts', import.meta.url));

/** Milliseconds before a gateway that ended unexpectedly is started again. */
const RESTART_MS = 500;

/** Milliseconds that a gateway has to close its connections in order. */
const STOP_MS = 5_000;

interface Gateway {
  readonly pid: number;
  readonly port: number;
  readonly child: ChildProcess;
}

/**
 * Starts `count` gateways and restarts those that end. Upgrade requests go to the gateways in turn.
 *
 * @throws {StartFailure} when Redis cannot be reached or a gateway does not start
 */
export async function startGatewayProcesses(
  options: GatewayOptions & { readonly count: number; readonly log: (line: string) => void },
): Promise<Sockets> {
  const { count, log, ...given } = options;
  const redis = await connectRedis(given.redisUrl);
  // This process holds no connection; it only asks.
  const mailbox = await openMailbox({ redis, address: `parent-${randomUUID()}`, answer: async () => GONE });
  const living = new Set<Gateway>();
  let isStopping = false;
  let turn = 0;

  async function start(): Promise<void> {
    const gateway = await launch(given);
    if (isStopping) return void gateway.child.kill('SIGKILL');
    living.add(gateway);
    gateway.child.once('exit', (code, signal) => {
      living.delete(gateway);
      if (isStopping) return;
      log(`a WebSocket gateway ended unexpectedly (${signal ?? code}): starting another one`);
      void restart();
    });
  }

  async function restart(): Promise<void> {
    await sleep(RESTART_MS, undefined, { ref: false });
    if (isStopping) return;
    await start().catch((error: Error) => {
      log(`a WebSocket gateway cannot start: ${error.message}`);
      return restart();
    });
  }

  async function stop(): Promise<void> {
    isStopping = true;
    await Promise.all(
      [...living].map(async ({ child }) => {
        const ended = once(child, 'exit');
        const cut = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
        child.send('stop', () => {});
        await ended;
        clearTimeout(cut);
      }),
    );
    await mailbox.close();
    redis.destroy();
  }

  try {
    await Promise.all(Array.from({ length: count }, start));
  } catch (error) {
    await stop();
    throw error;
  }

  return {
    upgrade: async (request, socket, head) => {
      for (const _ of living) {
        turn += 1;
        const gateway = [...living][turn % living.size];
        if (gateway && (await passOn(gateway.port, { request, socket, head }))) return;
      }
      socket.end('HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n');
    },
    ask: askHolder(redis, mailbox),
    gateways: () => [...living].map(({ pid, port }) => ({ pid, port })),
    stop,
  };
}

/** Starts one gateway and waits until it listens. */
async function launch(options: GatewayOptions): Promise<Gateway> {
  const child = fork(PROGRAM, [], {
    execArgv: ['--disable-warning=ExperimentalWarning'],
    env: { PATH: process.env.PATH ?? '', TZ: 'UTC' },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const answered = new Promise<GatewayMessage>((resolve) => {
    child.once('message', (message) => resolve(message as GatewayMessage));
    child.once('error', (error) => resolve({ failure: error.message }));
    child.once('exit', (code, signal) => resolve({ failure: `it ended (${signal ?? code})` }));
  });
  child.send(options);
  const message = await answered;
  if ('port' in message) return { pid: child.pid ?? -1, port: message.port, child };
  child.kill('SIGKILL');
  throw new StartFailure(`a WebSocket gateway did not start: ${message.failure}`);
}

/** Repeats the request to the gateway and joins both sockets. @returns false when nothing listens on the port */
function passOn(
  port: number,
  { request, socket, head }: { request: IncomingMessage; socket: Duplex; head: Buffer },
): Promise<boolean> {
  const gateway = connect({ port, host: '127.0.0.1', noDelay: true });
  return new Promise((resolve) => {
    gateway.once('error', () => resolve(false));
    gateway.once('connect', () => {
      const { method, url, rawHeaders } = request;
      gateway.write(rawHead(`${method} ${url} HTTP/1.1`, headerPairs(rawHeaders)));
      if (head.length > 0) gateway.write(head);
      gateway.pipe(socket).pipe(gateway);
      for (const [one, other] of [
        [gateway, socket],
        [socket, gateway],
      ] as const) {
        one.on('error', () => other.destroy());
        // Data received before the end is still written: a refusal ends with its answer.
        one.once('close', () => other.end(() => other.destroy()));
      }
      resolve(true);
    });
  });
}
