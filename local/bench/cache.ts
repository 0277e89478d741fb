import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cacheDirectory } from '../process/cache-directory.ts';
import versions from './versions.json' with { type: 'json' };

const run = promisify(execFile);

/** An installation takes half a minute. After this many seconds it is treated as hanging. */
const INSTALL_SECONDS = 300;

const REDIS = 'redis-server';

/** The compared systems, installed outside the repository and its dependency tree. */
export interface Cache {
  /** A directory whose `node_modules` has the npm packages of `versions.json`. */
  readonly packages: string;
  /** Python with the packages of `versions.json`. */
  readonly python: string;
  /** Each installs what is missing. @throws when the machine lacks something that cannot be installed */
  installPackages(): Promise<void>;
  installPython(): Promise<void>;
  installRedis(): Promise<void>;
}

/**
 * Returns the cache. Its directory's name is a hash of the pinned versions.
 *
 * @param log receives a line for each installation
 */
export function openCache(log: (line: string) => void): Cache {
  const home = cacheDirectory('bench/', JSON.stringify(versions));
  const [packages, python] = [join(home, 'node'), join(home, 'python')];
  const limits = { timeout: INSTALL_SECONDS * 1000 };
  return {
    packages,
    python: join(python, 'bin', 'python'),
    installPackages: () =>
      once(packages, async () => {
        log(`installing npm packages into ${packages}`);
        const pins = Object.entries(versions.npm).map(([name, version]) => `${name}@${version}`);
        await writeFile(join(packages, 'package.json'), '{ "private": true }\n');
        const args = ['install', '--prefix', packages, '--no-audit', '--no-fund', '--ignore-scripts'];
        await run('npm', [...args, ...pins], { cwd: packages, ...limits });
      }),
    installPython: () =>
      once(python, async () => {
        log(`installing Python packages into ${python}`);
        const pins = Object.entries(versions.python).map(([name, version]) => `${name}==${version}`);
        await run('python3', ['-m', 'venv', python], limits);
        const args = ['install', '--quiet', '--disable-pip-version-check', '--no-deps'];
        await run(join(python, 'bin', 'pip'), [...args, ...pins], limits);
      }),
    installRedis: () => installRedis(log),
  };
}

/** Empties and fills a directory, unless it is marked as complete. */
async function once(directory: string, fill: () => Promise<void>): Promise<void> {
  const mark = join(directory, 'complete');
  if (existsSync(mark)) return;
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  await fill();
  await writeFile(mark, '');
}

/** Installs the distribution's Redis. The results show its version. */
async function installRedis(log: (line: string) => void): Promise<void> {
  if (await answers(REDIS)) return;
  if (process.getuid?.() !== 0) throw new Error(`${REDIS} is missing (Debian: apt-get install ${REDIS})`);
  log(`installing ${REDIS}`);
  const limits = {
    timeout: INSTALL_SECONDS * 1000,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  };
  await run('apt-get', ['update', '-qq'], limits);
  await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', REDIS], limits);
  if (!(await answers(REDIS))) throw new Error(`${REDIS} could not be installed`);
}

function answers(command: string): Promise<boolean> {
  return run(command, ['--version']).then(
    () => true,
    () => false,
  );
}
