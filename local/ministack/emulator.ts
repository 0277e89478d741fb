import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { freePort } from '../process/free-port.ts';
import { startOrphanGuard } from '../process/orphan-guard.ts';
import { StartFailure } from '../process/start-failure.ts';

const REPOSITORY = resolve(import.meta.dirname, '../..');
const PINS = join(import.meta.dirname, 'requirements.txt');

const START_SECONDS = 60;
const STOP_SECONDS = 10;

/** MiniStack's table of the resource types that its CloudFormation can make. */
const KNOWN_TYPES = `
import json
from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS
print(json.dumps(sorted(_RESOURCE_HANDLERS)))`;

/** A running MiniStack: one address for every AWS API. */
export interface Emulator {
  /** `https://127.0.0.1:…`, without a trailing slash. */
  readonly endpoint: string;
  /** File with the certificate that it made for itself. */
  readonly authority: string;
  readonly pid: number;
  /** Ends it and every function that it started. */
  stop(): Promise<void>;
}

/**
 * Starts MiniStack, empty, on a free port of the loopback interface; run as root, it takes that interface's port 443
 * too, when that is free. Its functions run on the Node that runs this.
 *
 * @param directory for its state; made when missing
 * @param logFile   gets what the emulator and the functions print, in place of an earlier run's
 * @throws {StartFailure} when it is not installed, or does not come up
 */
export async function startMiniStack(directory: string, logFile: string): Promise<Emulator> {
  const python = join(home(), 'bin', 'python');
  if (!existsSync(join(home(), 'complete')))
    throw new StartFailure('MiniStack is not installed: run .ci/ministack');
  const temporary = join(directory, 'tmp');
  await mkdir(temporary, { recursive: true });
  await mkdir(dirname(logFile), { recursive: true });
  const log = await open(logFile, 'w');
  const port = await freePort();
  const child = spawn(python, ['-m', 'ministack'], {
    cwd: directory,
    // Functions inherit this environment: it is as bare as Lambda's.
    env: {
      PATH: [resolve(process.execPath, '..'), process.env.PATH].join(':'),
      HOME: directory,
      TMPDIR: temporary,
      LANG: 'C.UTF-8',
      TZ: 'UTC',
      BIND_HOST: '127.0.0.1',
      // Every call is judged by the policies of the role that signs it; bucket and queue policies demand TLS.
      AUTH: 'true',
      USE_SSL: '1',
      GATEWAY_PORT: String(port),
      STATE_DIR: join(directory, 'state'),
      S3_DATA_DIR: join(directory, 's3'),
      // Lambda's Node brings the SDK, and the CDK's own functions count on it; ours are bundled whole.
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
  throw new StartFailure(`MiniStack did not start:\n${lastLines(logFile)}`);
}

/** The resource types that the installed MiniStack's CloudFormation can make. */
export function knownResourceTypes(): ReadonlySet<string> {
  const python = join(home(), 'bin', 'python');
  return new Set(JSON.parse(execFileSync(python, ['-c', KNOWN_TYPES], { encoding: 'utf8', stdio: 'pipe' })));
}

/** Lets this process trust a server by its certificate, beside the authorities that it trusts anyway. */
export function trust(authority: string): void {
  setDefaultCACertificates([...getCACertificates('bundled'), readFileSync(authority, 'utf8')]);
}

/** The last lines of a log, for a message. */
function lastLines(logFile: string, count = 15): string {
  return readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-count).join('\n');
}

/** Where `.ci/ministack` puts it. */
function home(): string {
  const digest = createHash('sha256').update(readFileSync(PINS)).digest('hex').slice(0, 12);
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return process.env.MINISTACK_HOME || join(cache, 'celeriac', `ministack-${digest}`);
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

/** Ends a process group: the emulator, and the functions that it started. */
async function endGroup(pid: number): Promise<void> {
  const deadline = Date.now() + STOP_SECONDS * 1000;
  for (;;) {
    try {
      process.kill(-pid, Date.now() < deadline ? 'SIGTERM' : 'SIGKILL');
    } catch {
      return;
    }
    await sleep(100);
  }
}
