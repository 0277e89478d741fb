import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { StartFailure } from '../process/start-failure.ts';
import { type Account, usersOfMachine } from './account.ts';
import { copyPrograms, postgresPrograms } from './programs.ts';

/** A command to spawn, and its working directory. */
export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** The user that it runs as. Default: the user of this process. */
  readonly uid?: number;
  readonly gid?: number;
}

/** Starts the Postgres programs in a way that works on this machine. */
export interface Launcher {
  /**
   * @param directory of the cluster; it belongs to the account
   * @param args given the name by which the program knows the directory
   */
  launch(
    program: 'initdb' | 'postgres',
    directory: string,
    args: (directory: string) => readonly string[],
  ): Launch;
  /** Removes what was made for the programs. They must have ended. */
  release(): Promise<void>;
}

/** One way to run a program as the account. */
interface Way {
  /** The folder with `bin`, `lib` and `share`. */
  readonly programs: string;
  /** A command that changes the user and then runs its arguments. Default: none. */
  readonly through?: readonly string[];
  /** The user to spawn the program as. */
  readonly account?: Account;
  /** True when the account cannot enter the directories above the data. */
  readonly isShutOut?: boolean;
}

/** A process finds its working directory under this name without passing the directories above it. */
const WORKING_DIRECTORY = '/proc/self/cwd';

/**
 * Finds the way to run Postgres as `account`.
 *
 * Below a directory that only root may enter (`/root`, `mktemp -d`) the account reaches neither the programs nor the
 * data. Nobody's permissions are changed for that. Instead, best first:
 *
 * 1. The account reaches everything: Postgres is spawned as the account.
 * 2. The account keeps the one capability that passes such directories.
 * 3. The programs are copied to a temporary directory, and the data is the working directory of the processes, which
 *    root may enter for them. This needs neither capabilities nor other programs.
 *
 * Each way is tried with a real program, so that access lists, security modules and missing privileges count.
 *
 * @param dataDir the directory above the cluster
 * @param programs the folder with `bin`, `lib` and `share` of Postgres
 * @throws {StartFailure} when no way works
 */
export async function postgresLauncher(
  dataDir: string,
  account: Account | undefined,
  programs?: string,
): Promise<Launcher> {
  const originals = programs ?? (await postgresPrograms());
  if (!account) return launcher({ programs: originals });
  const direct = [
    { programs: originals, account },
    { programs: originals, through: throughSetpriv(account) },
  ];
  const way = direct.find((candidate) => works(candidate, dataDir));
  if (way) return launcher(way);
  if (existsSync(WORKING_DIRECTORY)) {
    const copied = (copy: string): Way => ({ programs: copy, account, isShutOut: true });
    const copy = await copyPrograms(originals, (candidate) => works(copied(candidate), dataDir));
    if (copy) return launcher(copied(copy), () => rm(copy, { recursive: true, force: true }));
  }
  throw new StartFailure(
    `Postgres cannot run as root, and the user ${account.uid} cannot reach ${originals} or ${dataDir}: install setpriv (package util-linux), or start Celeriac as another user than root`,
  );
}

/**
 * util-linux's `setpriv` with one capability kept. Without the bit `no_setuid_fixup` the capability would not count for
 * `access(2)`, by which initdb looks for its programs.
 */
function throughSetpriv({ uid, gid }: Account): string[] {
  const user = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
  const capability = ['--inh-caps=-all,+dac_override', '--ambient-caps=-all,+dac_override'];
  return ['setpriv', ...user, '--securebits=+no_setuid_fixup', ...capability, '--'];
}

/** Whether the account can run the program, and enter the directory unless its place is the working directory. */
function works(way: Way, directory: string): boolean {
  const script = 'cd -- "$1" && exec "$2" --version';
  const args = ['-c', script, 'sh', way.isShutOut ? '/' : directory, join(way.programs, 'bin', 'postgres')];
  const { command, args: all, ...user } = spawnable(way, '/bin/sh', args);
  return spawnSync(command, all, { ...user, cwd: '/', stdio: 'ignore' }).status === 0;
}

function launcher(way: Way, release: Launcher['release'] = async () => {}): Launcher {
  return {
    release,
    launch: (program, directory, args) => {
      const given = args(way.isShutOut ? WORKING_DIRECTORY : directory);
      // The command line must name the directory: by it a later start finds out whose process this is.
      const mark = way.isShutOut && program === 'postgres' ? ['-c', `celeriac.directory=${directory}`] : [];
      const isOwnUser = !way.account && !way.through;
      const how = isOwnUser && program === 'initdb' ? { through: throughNamedUser() } : way;
      return {
        ...spawnable(how, join(way.programs, 'bin', program), [...given, ...mark]),
        cwd: way.isShutOut ? directory : '/',
      };
    },
  };
}

function spawnable(
  { through = [], account }: Pick<Way, 'through' | 'account'>,
  file: string,
  args: string[],
) {
  const [command = file, ...rest] = [...through, file, ...args];
  return { command, args: rest, ...account };
}

/**
 * initdb demands that its user has a name. In a container that was started with `--user 12345` the user has none; then
 * initdb runs where the same user appears under a number that has one.
 *
 * @throws {StartFailure} when the system does not allow that
 */
function throughNamedUser(): string[] {
  if (hasName()) return [];
  const [named] = [usersOfMachine.find('nobody'), ...usersOfMachine.all()].filter((user) => user?.uid);
  const through = ['unshare', '--user', `--map-user=${named?.uid}`, `--map-group=${named?.gid}`, '--'];
  const [command = '', ...args] = [...through, 'true'];
  if (named && spawnSync(command, args, { stdio: 'ignore' }).status === 0) return through;
  throw new StartFailure(
    `the user ${process.getuid?.()} has no name in /etc/passwd, which Postgres needs once to make its database: add a line there (in Docker: --volume /etc/passwd:/etc/passwd:ro), or start Celeriac as a user with a name`,
  );
}

function hasName(): boolean {
  try {
    return userInfo().username !== '';
  } catch {
    return false;
  }
}
