import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '@redis/client';
import { freePort } from '../process/free-port.ts';
import { noted } from './measuring/running.ts';

/** When Redis forces its append-only file to disk. */
export type Fsync = 'everysec' | 'always';

const START_SECONDS = 10;

/** Starts a separate Redis on the loopback interface. Its data survives a crash as far as `fsync` allows. */
export async function startRedis(options: {
  command: string;
  directory: string;
  fsync: Fsync;
}): Promise<{ port: number; stop(): Promise<void> }> {
  const port = await freePort();
  const settings = {
    bind: '127.0.0.1',
    port: `${port}`,
    dir: options.directory,
    appendonly: 'yes',
    appendfsync: options.fsync,
    save: '',
    'maxmemory-policy': 'noeviction',
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const child = spawn(options.command, args, { stdio: 'ignore', detached: true });
  const exited = once(child, 'exit');
  const stop = noted(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const deadline = Date.now() + START_SECONDS * 1000;
  while (!(await answers(port))) {
    if (Date.now() > deadline || child.exitCode !== null) {
      await stop();
      throw new Error('Redis did not start');
    }
    await sleep(20);
  }
  return { port, stop };
}

async function answers(port: number): Promise<boolean> {
  const client = createClient({
    socket: { host: '127.0.0.1', port, reconnectStrategy: false, connectTimeout: 1_000 },
  });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.ping();
    return true;
  } catch {
    return false;
  } finally {
    client.destroy();
  }
}
