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
  /** The user id of the command. Default: the user of this process. */
  readonly uid?: number;
  readonly gid?: number;
}

/** Builds commands for the Postgres programs that work on this machine. */
export interface Launcher {
  /**
   * @param directory the cluster's directory; it belongs to the account
   * @param args builds the arguments from the program's name for the directory
   */
  launch(
    program: 'initdb' | 'postgres',
    directory: string,
    args: (directory: string) => readonly string[],
  ): Launch;
  /** Removes the files that were created for the programs. The programs must have ended. */
  release(): Promise<void>;
}

/** A method to run a program as the account. */
interface Way {
  /** The directory with `bin`, `lib` and `share`. */
  readonly programs: string;
  /** A command that changes the user and then runs its arguments. Default: none. */
  readonly through?: readonly string[];
  /** The account that runs the program. */
  readonly account?: Account;
  /** True when the account cannot enter the directories above the data. */
  readonly isShutOut?: boolean;
}

/** A process reaches its working directory by this name without access to the directories above it. */
const WORKING_DIRECTORY = '/proc/self/cwd';

/**
 * Finds a method to run Postgres as `account`.
 *
 * Below a directory that only root may enter (`/root`, `mktemp -d`) the account reaches neither the programs nor the
 * data. This function changes no permissions of existing directories. It tries these methods, best first:
 *
 * 1. The account reaches everything: Postgres is spawned as the account.
 * 2. The account keeps the one capability that ignores permissions of directories.
 * 3. The programs are copied to a temporary directory, and the data is the working directory of the processes. Root
 *    enters the working directory for them. This needs neither capabilities nor other programs.
 *
 * Each method is tried with a real program, so that access lists, security modules and missing privileges count.
 *
 * @param dataDir the directory above the cluster
 * @param programs the directory with `bin`, `lib` and `share` of Postgres
 * @throws {StartFailure} when no method works
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
 * Returns a `setpriv` command (util-linux) that keeps one capability. initdb finds its programs with `access(2)`, which
 * ignores the capability unless the bit `no_setuid_fixup` is set.
 */
function throughSetpriv({ uid, gid }: Account): string[] {
  const user = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
  const capability = ['--inh-caps=-all,+dac_override', '--ambient-caps=-all,+dac_override'];
  return ['setpriv', ...user, '--securebits=+no_setuid_fixup', ...capability, '--'];
}

/**
 * Returns true when the account can run the program and enter the directory. With `isShutOut` the directory is not
 * tested.
 */
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
      // The command line must contain the directory, by which a later start recognizes the process.
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
 * Returns the command that gives initdb's user a name, which initdb requires. In a container started with `--user
 * 12345` the user has no name. Then initdb runs in a user namespace that maps the user to a named one.
 *
 * @throws {StartFailure} when the system does not allow this
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
