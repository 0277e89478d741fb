import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { StartFailure } from '../process/start-failure.ts';

/** A user id and group id of this machine. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** The users of a machine. */
export interface Users {
  find(name: string): Account | undefined;
  all(): readonly Account[];
}

/**
 * Accounts that run Postgres when Celeriac runs as root, best first. Any other account except root is the last resort.
 */
const PREFERRED = ['postgres', 'nobody'];

/**
 * Returns the account that runs Postgres, which refuses to run as root.
 *
 * An existing cluster keeps its owner, because Postgres serves only the owner. Without this rule, a package that adds
 * the user `postgres` would lock the database of a machine that had only `nobody`.
 *
 * @param cluster the directory of the database, which may not exist yet
 * @returns undefined when Celeriac does not run as root: Postgres then runs as the same user
 * @throws {StartFailure} when the machine has no user except root
 */
export function clusterAccount(cluster: string, users: Users = usersOfMachine): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const owner = statSync(cluster, { throwIfNoEntry: false });
  const candidates = [owner, ...PREFERRED.map((name) => users.find(name)), ...users.all()];
  const chosen = candidates.find((account) => account && account.uid !== 0);
  if (chosen) return { uid: chosen.uid, gid: chosen.gid };
  throw new StartFailure(
    'Postgres cannot run as root, and this machine has no other user: add one, for example with "useradd --system postgres"',
  );
}

/** `id` reads every source of users. `all` reads only /etc/passwd, which is enough for a last resort. */
export const usersOfMachine: Users = {
  find: (name) => {
    const [uid, gid] = ['-u', '-g'].map((flag) => idOutput(flag, name));
    return uid && gid ? { uid: Number(uid), gid: Number(gid) } : undefined;
  },
  all: () => {
    const lines = readAccounts().split('\n').filter(Boolean);
    return lines.map((line) => {
      const [, , uid, gid] = line.split(':');
      return { uid: Number(uid), gid: Number(gid) };
    });
  },
};

function readAccounts(): string {
  try {
    return readFileSync('/etc/passwd', 'utf8');
  } catch {
    return '';
  }
}

function idOutput(flag: string, name: string): string | undefined {
  try {
    return execFileSync('id', [flag, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return undefined;
  }
}
