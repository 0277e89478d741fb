import { tmpdir } from 'node:os';
import { directoryOfProcess } from '../process/directory-of-process.ts';
import { stopLeftoverPostgres } from './cluster.ts';

/** A directory for this run alone, after what earlier runs that were killed left behind has been removed. */
export async function directoryOfRun(): Promise<string> {
  return directoryOfProcess(tmpdir(), 'run', (directory) => stopLeftoverPostgres(directory));
}
