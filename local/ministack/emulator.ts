import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, open, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { cacheDirectory } from '../process/cache-directory.ts';
import { freePort } from '../process/free-port.ts';
import { startOrphanGuard } from '../process/orphan-guard.ts';
import { signal } from '../process/signal.ts';
import { StartFailure } from '../process/start-failure.ts';

const REPOSITORY = resolve(import.meta.dirname, '../..');
const PINS = join(import.meta.dirname, 'requirements.txt');

const START_SECONDS = 60;
const STOP_SECONDS = 10;

/** Python program that prints the resource types that MiniStack's CloudFormation can create. */
const KNOWN_TYPES = `
import json
from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS
print(json.dumps(sorted(_RESOURCE_HANDLERS)))`;

/** A running MiniStack. One address serves every AWS API. */
export interface Emulator {
  /** `https://127.0.0.1:…`, without a trailing slash. */
  readonly endpoint: string;
  /** File with the emulator's self-signed certificate. */
  readonly authority: string;
  readonly pid: number;
  /** Ends the emulator and every function that it started. */
  stop(): Promise<void>;
}

/**
 * Starts an empty MiniStack on a free port of the loopback interface. As root it also takes port 443 of that interface,
 * if it is free. Its functions run on the Node of this process.
 *
 * @param directory for its state; created when it is missing
 * @param logFile   receives the output of the emulator and the functions; replaces an earlier run's log
 * @throws {StartFailure} when MiniStack is not installed or does not start
 */
export async function startMiniStack(directory: string, logFile: string): Promise<Emulator> {
  const python = join(home(), 'bin', 'python');
  if (!existsSync(join(home(), 'complete')))
    throw new StartFailure('MiniStack is not installed: run .ci/ministack');
  const temporary = join(directory, 'tmp');
  await mkdir(temporary, { recursive: true });
  // MiniStack starts functions from CommonJS. A package.json in a folder above could say that they are ES modules.
  await writeFile(join(directory, 'package.json'), '{}');
  await mkdir(dirname(logFile), { recursive: true });
  const log = await open(logFile, 'w');
  const port = await freePort();
  const child = spawn(python, ['-m', 'ministack'], {
    cwd: directory,
    // Functions inherit this environment, so it is as small as Lambda's.
    env: {
      PATH: [resolve(process.execPath, '..'), process.env.PATH].join(':'),
      HOME: directory,
      TMPDIR: temporary,
      LANG: 'C.UTF-8',
      TZ: 'UTC',
      BIND_HOST: '127.0.0.1',
      // The emulator checks every call against the policies of the signing role. Bucket and queue policies require TLS.
      AUTH: 'true',
      USE_SSL: '1',
      GATEWAY_PORT: String(port),
      STATE_DIR: join(directory, 'state'),
      S3_DATA_DIR: join(directory, 's3'),
      // Lambda's Node includes the SDK, which CDK's own functions need. Celeriac's functions contain all their code.
      NODE_PATH: join(REPOSITORY, 'node_modules'),
    },
    stdio: ['ignore', log.fd, log.fd],
    detached: true,
  });
  await log.close();
  const exited = new Promise<void>((done) => {
    child.once('exit', () => done()).once('error', () => done());
  });
  const { pid } = child;
  if (pid === undefined) throw new StartFailure(`${python} cannot be run`);
  const guard = startOrphanGuard();
  guard.watch([-pid]);
  const stop = async () => {
    await endGroup(pid);
    await exited;
    guard.release();
  };
  const endpoint = `https://127.0.0.1:${port}`;
  const authority = join(temporary, 'ministack-tls', 'server.crt');
  if (await answers(endpoint, authority, exited)) return { endpoint, authority, pid, stop };
  await stop();
  const lines = readFileSync(logFile, 'utf8').trimEnd().split('\n');
  throw new StartFailure(`MiniStack did not start:\n${lines.slice(-15).join('\n')}`);
}

/** Returns the resource types that the installed MiniStack's CloudFormation can create. */
export function knownResourceTypes(): ReadonlySet<string> {
  const python = join(home(), 'bin', 'python');
  return new Set(JSON.parse(execFileSync(python, ['-c', KNOWN_TYPES], { encoding: 'utf8', stdio: 'pipe' })));
}

/** Makes this process trust a server's certificate, besides the bundled authorities. */
export function trust(authority: string): void {
  setDefaultCACertificates([...getCACertificates('bundled'), readFileSync(authority, 'utf8')]);
}

/** Returns the directory of the installation, which `.ci/ministack` fills. */
function home(): string {
  return process.env.MINISTACK_HOME || cacheDirectory('ministack-', readFileSync(PINS));
}

async function answers(endpoint: string, authority: string, exited: Promise<void>): Promise<boolean> {
  let hasExited = false;
  void exited.then(() => {
    hasExited = true;
  });
  const deadline = Date.now() + START_SECONDS * 1000;
  while (!hasExited && Date.now() < deadline) {
    const answer = await fetch(`${endpoint}/_ministack/health`).catch(() => undefined);
    if (answer?.ok) return true;
    if (existsSync(authority)) trust(authority);
    await sleep(100);
  }
  return false;
}

/** Ends a process group: the emulator, and the functions that it started. Kills it after `STOP_SECONDS`. */
async function endGroup(pid: number): Promise<void> {
  const deadline = Date.now() + STOP_SECONDS * 1000;
  while (signal(-pid, Date.now() < deadline ? 'SIGTERM' : 'SIGKILL')) await sleep(100);
}
