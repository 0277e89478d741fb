import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import versions from './versions.json' with { type: 'json' };

const run = promisify(execFile);

/** An installation takes half a minute; one that takes this long hangs. */
const INSTALL_SECONDS = 300;

/** Where the systems that Celeriac is compared with are installed. */
export interface Cache {
  /** A directory whose `node_modules` has the npm packages of `versions.json`. */
  readonly node: string;
  /** Python with the packages of `versions.json`. */
  readonly python: string;
  readonly redisServer: string;
}

/**
 * Installs what is missing, outside the repository and its dependency tree, under a name made of the pinned versions.
 *
 * @param log receives a line for each thing that is installed
 * @throws when the machine lacks something that cannot be installed
 */
export async function installed(log: (line: string) => void): Promise<Cache> {
  const digest = createHash('sha256').update(JSON.stringify(versions)).digest('hex').slice(0, 12);
  const base = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const home = join(base, 'celeriac', 'bench', digest);
  const [node, python] = [join(home, 'node'), join(home, 'python')];
  await once(node, async () => {
    log(`installing npm packages into ${node}`);
    const pins = Object.entries(versions.npm).map(([name, version]) => `${name}@${version}`);
    await writeFile(join(node, 'package.json'), '{ "private": true }\n');
    await run('npm', ['install', '--prefix', node, '--no-audit', '--no-fund', '--ignore-scripts', ...pins], {
      cwd: node,
      timeout: INSTALL_SECONDS * 1000,
    });
  });
  await once(python, async () => {
    log(`installing Python packages into ${python}`);
    const pins = Object.entries(versions.python).map(([name, version]) => `${name}==${version}`);
    await run('python3', ['-m', 'venv', python], { timeout: INSTALL_SECONDS * 1000 });
    await run(
      join(python, 'bin', 'pip'),
      ['install', '--quiet', '--disable-pip-version-check', '--no-deps', ...pins],
      { timeout: INSTALL_SECONDS * 1000 },
    );
  });
  return { node, python: join(python, 'bin', 'python'), redisServer: await redisServer(log) };
}

/** Fills a directory that is not yet marked as complete, from nothing. */
async function once(directory: string, fill: () => Promise<void>): Promise<void> {
  const mark = join(directory, 'complete');
  if (existsSync(mark)) return;
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  await fill();
  await writeFile(mark, '');
}

/** Redis as the distribution has it; its version is printed beside the results. */
async function redisServer(log: (line: string) => void): Promise<string> {
  const isThere = () =>
    run('redis-server', ['--version']).then(
      () => true,
      () => false,
    );
  if (await isThere()) return 'redis-server';
  if (process.getuid?.() !== 0)
    throw new Error('redis-server is missing (Debian: apt-get install redis-server)');
  log('installing redis-server');
  await run('apt-get', ['update', '-qq'], { timeout: INSTALL_SECONDS * 1000 });
  await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'redis-server'], {
    timeout: INSTALL_SECONDS * 1000,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
  });
  if (!(await isThere())) throw new Error('redis-server could not be installed');
  return 'redis-server';
}
