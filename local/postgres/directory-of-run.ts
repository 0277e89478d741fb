import { tmpdir } from 'node:os';
import { directoryOfProcess } from '../process/directory-of-process.ts';
import { stopLeftoverPostgres } from './cluster.ts';

/** Creates a directory for this run only. First removes the directories that earlier, killed runs left behind. */
export async function directoryOfRun(): Promise<string> {
  return directoryOfProcess(tmpdir(), 'run', (directory) => stopLeftoverPostgres(directory));
}
