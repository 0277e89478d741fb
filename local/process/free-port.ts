import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Below the ephemeral ports, which begin at 32768 or 49152. Between the choice of a port and its use, only a process
 * that also chooses from this range can take it.
 */
const RANGE = [20_000, 32_000] as const;

const TRIES = 100;

/** Returns a TCP port of the loopback interface that is free at this moment. */
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
