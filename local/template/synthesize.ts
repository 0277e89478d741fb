import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { constants, existsSync } from 'node:fs';
import { access, mkdir, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { occupyDirectory } from '../process/data-directory.ts';
import { StartFailure } from '../process/start-failure.ts';

const REPOSITORY = resolve(import.meta.dirname, '../..');

/** All files from which the template and the bundles are made. */
const SOURCES = ['bin', 'lib', 'functions', 'console', 'cdk.json', 'package-lock.json'];

/** Modules that synthesis writes from the other sources. */
const GENERATED = join('functions', 'tasks', 'kinds', 'generated');

/** Directory of the bundles, and of the cloud assemblies in `local`, named by the fingerprint of their sources. */
const DIST = join(REPOSITORY, 'dist');

/** Number of assemblies that are kept. A running instance may still start sandboxes from an older one. */
const KEPT = 3;

const WAIT_SECONDS = 120;

/**
 * Returns the directory of a cloud assembly of the current sources. Bundles and synthesizes when there is none.
 *
 * @param ownDist directory for the result when the checkout cannot be written. Default: an unwritable checkout is a
 *   failure
 * @throws {StartFailure} when bundling or synthesis fails; the log has the reason
 */
export async function synthesizedAssembly(log: (line: string) => void, ownDist = DIST): Promise<string> {
  const name = await fingerprint();
  const existing = [DIST, ownDist].map((dist) => join(dist, 'local', name)).find((path) => existsSync(path));
  if (existing) {
    // Marks the assembly as used, if this user may.
    await utimes(existing, new Date(), new Date()).catch(() => {});
    return existing;
  }
  const dist = (await isWritable(DIST)) ? DIST : ownDist;
  const outdir = join(dist, 'local', name);
  const release = await occupyWhenFree(dirname(outdir));
  try {
    if (!existsSync(outdir)) {
      log('bundling the functions and synthesizing the stack, as the sources have changed');
      await synthesize(outdir, join(dist, 'functions'), log);
      await removeOld(dirname(outdir));
    }
  } finally {
    release();
  }
  return outdir;
}

/**
 * Returns true when this user may create files in the directory. The file system may be read-only, or another user may
 * own the checkout.
 */
async function isWritable(directory: string): Promise<boolean> {
  try {
    await mkdir(join(directory, 'local'), { recursive: true });
    await Promise.all(
      [directory, join(directory, 'local')].map((path) => access(path, constants.R_OK | constants.W_OK)),
    );
    return true;
  } catch {
    return false;
  }
}

async function synthesize(outdir: string, bundles: string, log: (line: string) => void): Promise<void> {
  const unfinished = `${outdir}.new`;
  await rm(unfinished, { recursive: true, force: true });
  await promisify(execFile)(process.execPath, [join(REPOSITORY, 'bin', 'celeriac.ts')], {
    cwd: REPOSITORY,
    env: { ...process.env, CDK_OUTDIR: unfinished, BUNDLES_DIR: bundles },
    maxBuffer: Number.POSITIVE_INFINITY,
  }).catch(({ stdout, stderr }) => {
    log(`${stdout}${stderr}`.trimEnd());
    throw new StartFailure('the stack could not be synthesized (see above)');
  });
  await rename(unfinished, outdir);
}

/**
 * Returns a digest of the names and contents of all sources. Tests do not count, nor does what synthesis itself writes: otherwise
 * the first start with a new kind would be followed by another synthesis.
 */
export async function fingerprint(root = REPOSITORY): Promise<string> {
  const hash = createHash('sha256');
  for (const source of SOURCES) {
    for (const file of (await filesOf(join(root, source))).sort()) {
      const name = relative(root, file);
      if (name.endsWith('.test.ts') || dirname(name) === GENERATED) continue;
      hash.update(`${name}\0`).update(await readFile(file));
    }
  }
  return hash.digest('hex').slice(0, 20);
}

async function filesOf(path: string): Promise<string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** Locks the directory, and waits for it: another instance may be synthesizing into the same directory of bundles. */
async function occupyWhenFree(directory: string): Promise<() => void> {
  await mkdir(directory, { recursive: true });
  for (const deadline = Date.now() + WAIT_SECONDS * 1000; ; ) {
    try {
      return occupyDirectory(directory, 'the directory of bundles');
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(100);
    }
  }
}

async function removeOld(assemblies: string): Promise<void> {
  const names = (await readdir(assemblies, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  const dated = await Promise.all(
    names.map(async ({ name }) => ({ name, time: (await stat(join(assemblies, name))).mtimeMs })),
  );
  for (const { name } of dated.sort((a, b) => b.time - a.time).slice(KEPT)) {
    await rm(join(assemblies, name), { recursive: true, force: true });
  }
}
