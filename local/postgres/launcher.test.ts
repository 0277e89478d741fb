import { spawnSync } from 'node:child_process';
import { chmod, chown, cp, mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { clusterAccount } from './account.ts';
import { postgresLauncher } from './launcher.ts';
import { postgresPrograms } from './programs.ts';

const isRoot = process.getuid?.() === 0;

/** A directory that only this user may enter, like a home directory. Only this user may read its programs. */
let home: string;
let programs: string;
let cluster: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'celeriac-home-'));
  programs = join(home, 'programs');
  cluster = join(home, 'cluster');
  await cp(await postgresPrograms(), programs, { recursive: true, verbatimSymlinks: true });
  await setModes(0o700);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(cluster, { recursive: true, force: true });
});
afterAll(() => rm(home, { recursive: true, force: true }));

async function setModes(mode: number): Promise<void> {
  for (const entry of await readdir(programs, { recursive: true, withFileTypes: true })) {
    if (!entry.isSymbolicLink()) await chmod(join(entry.parentPath, entry.name), mode);
  }
  await Promise.all([home, programs].map((directory) => chmod(directory, mode)));
}

/** Creates a cluster and queries it. */
async function askNewCluster(): Promise<string> {
  const account = clusterAccount(cluster);
  await mkdir(cluster, { mode: 0o700 });
  if (account) await chown(cluster, account.uid, account.gid);
  const launcher = await postgresLauncher(home, account, programs);
  const run = (program: 'initdb' | 'postgres', args: (directory: string) => string[], input = '') => {
    const { command, args: all, ...options } = launcher.launch(program, cluster, args);
    return spawnSync(command, all, { ...options, input, encoding: 'utf8' });
  };
  try {
    const made = run('initdb', (directory) => ['-D', directory, '--no-sync', '--auth=trust']);
    expect(made.stderr).not.toContain('error');
    expect(made.status).toBe(0);
    const question = "select 'the answer is ' || count(*) from pg_catalog.pg_extension;\n";
    return run('postgres', (directory) => ['--single', '-D', directory, 'postgres'], question).stdout;
  } finally {
    await launcher.release();
  }
}

const copies = async () =>
  (await readdir(tmpdir())).filter((name) => name.startsWith(`celeriac-programs-${process.pid}-`));

test('Postgres runs in a home, with programs that are installed there under umask 077', async () => {
  expect(await askNewCluster()).toContain('the answer is 1');
  expect((await stat(home)).mode & 0o777).toBe(0o700);
});

// Only root runs Postgres as another user.
if (isRoot) {
  test('without setpriv, Postgres runs in a home from a copy of its programs, which is removed', async () => {
    vi.stubEnv('PATH', home);
    expect(await askNewCluster()).toContain('the answer is 1');
    expect((await stat(home)).mode & 0o777).toBe(0o700);
    expect(await copies()).toEqual([]);
  });

  test('in a directory that is open to everybody, the account keeps no capability', async () => {
    await setModes(0o755);
    const launcher = await postgresLauncher(home, { uid: 12_345, gid: 12_345 }, programs);
    const { command, uid } = launcher.launch('postgres', cluster, () => []);
    expect(command).toBe(join(programs, 'bin', 'postgres'));
    expect(uid).toBe(12_345);
    await setModes(0o700);
  });

  test('an account that can neither be let in nor be given a copy is one clear line', async () => {
    vi.stubEnv('PATH', home);
    const empty = join(home, 'empty');
    await mkdir(empty);
    await expect(postgresLauncher(home, { uid: 12_345, gid: 12_345 }, empty)).rejects.toThrow(
      /^Postgres cannot run as root, and the user 12345 cannot reach .*: install setpriv .*$/,
    );
  });
}
