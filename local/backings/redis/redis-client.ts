import { createClient } from '@redis/client';
import { StartFailure } from '../../process/start-failure.ts';

/** Milliseconds between attempts to come back to a Redis that went away. */
const RECONNECT_MS = 250;

/** Milliseconds after which a command is given up: a Redis that hangs is as good as none. */
const COMMAND_MS = 3_000;

export type Redis = Awaited<ReturnType<typeof connectRedis>>;

/**
 * Connects to Redis, and again whenever the connection is lost. Meanwhile every command is refused at once: what is
 * kept here is only worth something now.
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
  // Whoever sent a command is told of its failure; without a listener the process would end.
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
