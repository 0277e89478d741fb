import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { StartFailure } from './start-failure.ts';

/** A command line to spawn, and the user it will run as (none: the user who runs Celeriac). */
export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly uid?: number;
  readonly gid?: number;
}

interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** Accounts that Postgres may run as when Celeriac runs as root, best first. `nobody` exists everywhere. */
const UNPRIVILEGED = ['postgres', 'nobody'];

/** The account that owns the cluster: none unless Celeriac runs as root, which Postgres refuses to do. */
export function clusterAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of UNPRIVILEGED) {
    const [uid, gid] = ['-u', '-g'].map((flag) => accountNumber(flag, name));
    if (uid !== undefined && gid !== undefined && uid !== 0) return { uid, gid };
  }
  throw new StartFailure(
    `Postgres cannot run as root, and there is no user ${UNPRIVILEGED.join(' or ')} to run it as`,
  );
}

/**
 * How to start a Postgres program as `account`.
 *
 * Below a directory that only root may enter (`/root`, `mktemp -d`) the account could reach neither the program nor
 * its data; it then keeps the one capability that passes such directories. That needs util-linux's `setpriv`.
 *
 * @param paths what the program must reach: itself and its data
 * @throws {StartFailure} when a path is out of the account's reach and there is no `setpriv`
 */
export function launchAs(
  account: Account | undefined,
  command: string,
  args: readonly string[],
  paths: readonly string[],
): Launch {
  if (!account) return { command, args };
  if ([command, ...paths].every((path) => isReachable(path, account))) return { command, args, ...account };
  const setpriv = ['/usr/bin/setpriv', '/bin/setpriv'].find((path) => existsSync(path));
  if (!setpriv) {
    throw new StartFailure(
      `as root, Postgres runs as user ${account.uid}, who cannot enter ${paths.join(' or ')}: move it, or run as a normal user`,
    );
  }
  const drop = [`--reuid=${account.uid}`, `--regid=${account.gid}`, '--clear-groups'];
  const keep = ['--inh-caps=-all,+dac_override', '--ambient-caps=-all,+dac_override'];
  return { command: setpriv, args: [...drop, ...keep, '--', command, ...args] };
}

/** The command line of a running process, or undefined when there is no such process. */
export function commandLine(pid: number): string | undefined {
  if (!existsSync('/proc/self/cmdline')) return output('ps', ['-p', String(pid), '-o', 'args=']) || undefined;
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return undefined;
  }
}

/** Whether every directory above `path` lets `account` through by its permission bits. */
function isReachable(path: string, account: Account): boolean {
  const parent = dirname(path);
  if (parent === path) return true;
  const { mode, uid, gid } = statSync(parent);
  const entry = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001;
  return (mode & entry) !== 0 && isReachable(parent, account);
}

function accountNumber(flag: string, name: string): number | undefined {
  const text = output('id', [flag, name]);
  return text ? Number(text) : undefined;
}

function output(command: string, args: readonly string[]): string | undefined {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return undefined;
  }
}
