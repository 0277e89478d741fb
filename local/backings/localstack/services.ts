import { existsSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { startPostgres } from '../../postgres/cluster.ts';
import { cacheDirectory } from '../../process/cache-directory.ts';
import { freePort } from '../../process/free-port.ts';
import { startOrphanGuard } from '../../process/orphan-guard.ts';
import { StartFailure } from '../../process/start-failure.ts';
import type { Addresses } from './localstack-backing.ts';
import { startProgram } from './program.ts';

export type Service = 'aws' | 'redis' | 'postgres';

export interface Services {
  /** Addresses of the services that were started. */
  readonly addresses: Readonly<Partial<Pick<Addresses, Service>>>;
  stop(): Promise<void>;
}

export interface ServicesOptions {
  /** Directory for the services' files; created when it is missing. */
  readonly directory: string;
  /** The services to start, each with its port. */
  readonly ports: Readonly<Partial<Record<Service, number>>>;
  /** False gives up the database's crash safety for speed. */
  readonly durable?: boolean;
}

/** Password of the database's superuser, as in compose.yaml. The database listens only on the loopback interface. */
const PASSWORD = 'postgres';

/**
 * Starts the services of compose.yaml without Docker: LocalStack from the cache that .ci/localstack-install fills, the
 * system's Redis, and the embedded Postgres as a separate server, because Debian 12's Postgres (15) is too old.
 *
 * @throws {StartFailure} when a service is not installed or does not start; all others are stopped then
 */
export async function startServices({ directory, ports, durable }: ServicesOptions): Promise<Services> {
  await using undo = new AsyncDisposableStack();
  const guard = startOrphanGuard();
  undo.defer(() => guard.release());
  const pids: number[] = [];
  const kept = async (starting: Promise<{ pid?: number; address: string; stop(): Promise<void> }>) => {
    const { pid, address, stop } = await starting;
    undo.defer(stop);
    if (pid) pids.push(pid);
    guard.watch(pids);
    return address;
  };
  const { aws, redis, postgres } = ports;
  const place = (name: string) => join(directory, name);
  const starting = {
    ...(aws && { aws: kept(startLocalStack(place('localstack'), aws)) }),
    ...(redis && { redis: kept(startRedis(place('redis'), redis)) }),
    ...(postgres && { postgres: kept(startDatabase(place('postgres'), postgres, durable)) }),
  };
  // Waits for all of them first: if one fails, no other may start later and stay behind.
  await Promise.allSettled(Object.values(starting));
  const addresses = Object.entries(starting).map(async ([name, address]) => [name, await address]);
  const answering = Object.fromEntries(await Promise.all(addresses));
  const started = undo.move();
  return { addresses: answering, stop: () => started.disposeAsync() };
}

/** Returns a free port for each of the services. */
export async function freePorts(services: readonly Service[]): Promise<ServicesOptions['ports']> {
  return Object.fromEntries(await Promise.all(services.map(async (name) => [name, await freePort()])));
}

async function startLocalStack(directory: string, port: number) {
  const python = join(environmentDirectory(), 'bin', 'python');
  if (!existsSync(python)) throw new StartFailure('LocalStack is not installed: run .ci/localstack-install');
  await mkdir(directory, { recursive: true });
  const address = `http://127.0.0.1:${port}`;
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
      // No name server, no download of a certificate, no telemetry.
      DNS_ADDRESS: '0',
      SKIP_SSL_CERT_DOWNLOAD: '1',
      DISABLE_EVENTS: '1',
    },
    address,
    isReady: async () => (await fetch(`${address}/_localstack/health`)).ok,
  });
}

async function startRedis(directory: string, port: number) {
  await mkdir(directory, { recursive: true });
  return startProgram({
    command: 'redis-server',
    args: ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
    cwd: directory,
    address: `redis://127.0.0.1:${port}`,
    readyLine: /Ready to accept connections/,
  });
}

async function startDatabase(dataDir: string, port: number, durable?: boolean) {
  const options = { dataDir, port, password: PASSWORD };
  const { url, stop } = await startPostgres(durable === undefined ? options : { ...options, durable });
  return { address: url(), stop };
}

/** Returns the virtual environment's directory, which .ci/localstack-install fills. */
function environmentDirectory(): string {
  return cacheDirectory('localstack-', readFileSync(join(import.meta.dirname, 'requirements.txt')));
}
