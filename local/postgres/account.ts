import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { StartFailure } from '../process/start-failure.ts';

/** A user of this machine and the user's group, as numbers. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** The users that a machine knows. */
export interface Users {
  find(name: string): Account | undefined;
  all(): readonly Account[];
}

/** Accounts that Postgres may run as when Celeriac runs as root, best first. Else any other account will do. */
const PREFERRED = ['postgres', 'nobody'];

/**
 * The account that runs Postgres, which refuses to run as root.
 *
 * An existing cluster keeps its owner, because Postgres serves nobody else. Without this rule, a package that adds the
 * user `postgres` would lock the database of a machine that had only `nobody`.
 *
 * @param cluster the directory of the database, which may not exist yet
 * @returns undefined when Celeriac does not run as root: Postgres then runs as the same user
 * @throws {StartFailure} when the machine knows no user but root
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

/** `id` asks every source of users; the list has only those of the file, which is enough for a last resort. */
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
