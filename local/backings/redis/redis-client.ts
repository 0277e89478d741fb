import { createClient } from '@redis/client';
import { StartFailure } from '../../process/start-failure.ts';

/** Milliseconds between attempts to reconnect to Redis. */
const RECONNECT_MS = 250;

/** Milliseconds after which a command fails. A Redis that hangs is treated as absent. */
const COMMAND_MS = 3_000;

export type Redis = Awaited<ReturnType<typeof connectRedis>>;

/**
 * Connects to Redis, and reconnects whenever the connection is lost. Without a connection every command fails at once,
 * because the data kept here is only useful at the moment.
 *
 * @param url `redis://127.0.0.1:6379`
 * @throws {StartFailure} when nothing answers there
 */
export async function connectRedis(url: string) {
  let wasConnected = false;
  const client = createClient({
    url,
    disableOfflineQueue: true,
    commandOptions: { timeout: COMMAND_MS },
    socket: { connectTimeout: 5_000, reconnectStrategy: () => (wasConnected ? RECONNECT_MS : false) },
  });
  // The sender of a command gets its failure. Without a listener the process would end.
  client.on('error', () => {});
  try {
    await client.connect();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new StartFailure(`no Redis answers at ${withoutPassword(url)} (set REDIS_URL): ${reason}`, {
      cause,
    });
  }
  wasConnected = true;
  return client;
}

function withoutPassword(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//');
}
