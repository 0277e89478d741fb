import { glob } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { directoryOfProcess } from '../process/directory-of-process.ts';
import { stopLeftoverPostgres } from './cluster.ts';

/** Creates a directory for this run only. First removes the directories that killed runs of the same name left behind. */
export function directoryOfRun(name = 'run'): Promise<string> {
  return directoryOfProcess(tmpdir(), name, stopPostgresBelow);
}

/** Stops every Postgres whose cluster is in a directory, at any depth. */
export async function stopPostgresBelow(directory: string): Promise<void> {
  for await (const lock of glob('**/cluster/postmaster.pid', { cwd: directory }))
    await stopLeftoverPostgres(join(directory, dirname(dirname(lock))));
}
