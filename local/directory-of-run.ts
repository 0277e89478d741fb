import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stopLeftoverPostgres } from './postgres.ts';
import { commandLine } from './process-identity.ts';

const PREFIX = join(tmpdir(), 'celeriac-run-');

/** A directory for this run alone, after what earlier runs that were killed left behind has been removed. */
export async function directoryOfRun(): Promise<string> {
  await removeAbandonedClusters();
  return mkdtemp(`${PREFIX}${process.pid}-`);
}

/** A run that was killed leaves its cluster behind, named after its process. */
async function removeAbandonedClusters(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const dataDir = join(tmpdir(), name);
    const pid = dataDir.startsWith(PREFIX) ? Number.parseInt(dataDir.slice(PREFIX.length), 10) : Number.NaN;
    if (Number.isNaN(pid) || commandLine(pid)) continue;
    // Another user's stays.
    await remove(dataDir).catch(() => {});
  }
}

async function remove(dataDir: string): Promise<void> {
  await stopLeftoverPostgres(dataDir);
  await rm(dataDir, { recursive: true, force: true });
}
