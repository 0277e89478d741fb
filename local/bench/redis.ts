import { startProgram } from '../backings/localstack/program.ts';
import { freePort } from '../process/free-port.ts';
import { noted } from './measuring/running.ts';

/** When Redis forces its append-only file to disk. */
export type Fsync = 'everysec' | 'always';

/**
 * Starts a separate Redis on the loopback interface. Its data survives a crash as far as `fsync` allows.
 *
 * @returns the port
 */
export async function startRedis(directory: string, fsync: Fsync): Promise<number> {
  const port = await freePort();
  const settings = {
    bind: '127.0.0.1',
    port: `${port}`,
    dir: directory,
    appendonly: 'yes',
    appendfsync: fsync,
    save: '',
    'maxmemory-policy': 'noeviction',
  };
  const starting = startProgram({
    command: 'redis-server',
    args: Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
    cwd: directory,
    address: `redis://127.0.0.1:${port}`,
    readyLine: /Ready to accept connections/,
    stopSignal: 'SIGKILL',
  });
  noted(async () => (await starting).stop());
  await starting;
  return port;
}
