import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Below the ports that systems give to whoever asks for any, from 32768 or 49152 on: between the choice of a port and its
 * use, only another one who chooses like this may take it.
 */
const RANGE = [20_000, 32_000] as const;

const TRIES = 100;

/** A TCP port of the loopback interface that nothing listened on just now. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const port = randomInt(...RANGE);
    if (await isFree(port)) return port;
  }
  throw new Error(`no port from ${RANGE[0]} to ${RANGE[1]} is free`);
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
