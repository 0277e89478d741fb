import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { freePort } from '../free-port.ts';
import { startOrphanGuard } from '../orphan-guard.ts';
import { startPostgres } from '../postgres.ts';
import { startProgram } from './test-program.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    emulators: { readonly aws: string; readonly redis: string; readonly postgres: string };
  }
}

/**
 * Vitest's global set-up: LocalStack, Redis and Postgres for the run, each the one that its variable names
 * (AWS_ENDPOINT_URL, REDIS_URL, POSTGRES_URL), or one of our own, on a free port and in a directory that goes with it.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { AWS_ENDPOINT_URL, REDIS_URL, POSTGRES_URL } = process.env;
  const undo = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'celeriac-emulators-'));
  undo.defer(() => rm(directory, { recursive: true, force: true }));
  const guard = startOrphanGuard();
  undo.defer(() => guard.release());
  const pids: number[] = [];
  const keep = <T extends { pid?: number; stop(): Promise<void> }>(started: T): T => {
    undo.defer(() => started.stop());
    if (started.pid) pids.push(started.pid);
    guard.watch(pids);
    return started;
  };
  try {
    const emulators = await Promise.all([
      AWS_ENDPOINT_URL ?? startLocalStack(join(directory, 'localstack')).then(keep),
      REDIS_URL ?? startRedis(join(directory, 'redis')).then(keep),
      POSTGRES_URL ?? startDatabase(join(directory, 'postgres')).then(keep),
    ]);
    const [aws = '', redis = '', postgres = ''] = emulators.map((one) =>
      typeof one === 'string' ? one : one.address,
    );
    project.provide('emulators', { aws, redis, postgres });
  } catch (error) {
    await undo.disposeAsync();
    throw error;
  }
  return () => undo.disposeAsync();
}

async function startLocalStack(directory: string) {
  const python = join(environmentDirectory(), 'bin', 'python');
  if (!existsSync(python))
    throw new Error(
      'LocalStack is not installed: run .ci/localstack, or set AWS_ENDPOINT_URL, REDIS_URL and POSTGRES_URL',
    );
  await mkdir(directory);
  const address = `http://127.0.0.1:${await freePort()}`;
  return startProgram({
    command: python,
    args: ['-m', 'localstack.runtime.main'],
    cwd: directory,
    env: {
      HOME: directory,
      TMPDIR: directory,
      FILESYSTEM_ROOT: directory,
      GATEWAY_LISTEN: new URL(address).host,
      SERVICES: 'sqs,events,s3',
      STRICT_SERVICE_LOADING: '1',
      EAGER_SERVICE_LOADING: '1',
      // No name server, no certificate to download, nothing to report.
      DNS_ADDRESS: '0',
      SKIP_SSL_CERT_DOWNLOAD: '1',
      DISABLE_EVENTS: '1',
    },
    address,
    isReady: async () => (await fetch(`${address}/_localstack/health`)).ok,
  });
}

async function startRedis(directory: string) {
  await mkdir(directory);
  const port = String(await freePort());
  return startProgram({
    command: 'redis-server',
    args: ['--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
    cwd: directory,
    address: `redis://127.0.0.1:${port}`,
    readyLine: /Ready to accept connections/,
  });
}

/** The embedded programs, but a server of its own: the Postgres that Debian 12 has (15) is too old. */
async function startDatabase(dataDir: string) {
  const embedded = await startPostgres({ dataDir, durable: false });
  return { address: embedded.url(), stop: embedded.stop };
}

/** Where .ci/localstack puts the virtual environment. */
function environmentDirectory(): string {
  const requirements = readFileSync(join(import.meta.dirname, 'requirements.txt'));
  const version = createHash('sha256').update(requirements).digest('hex').slice(0, 12);
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'celeriac', `localstack-${version}`);
}
