import { accessSync, constants, existsSync, mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { StartFailure } from './start-failure.ts';

/**
 * Creates the directory when it is missing, and locks it for the life of this process. The lock is an operating system
 * lock (through SQLite), so that none remains after a `kill -9`.
 *
 * @param what name of the directory in error messages, with a hint
 * @returns a function that releases the lock
 * @throws {StartFailure} when the directory cannot be written or another process has the lock
 */
export function occupyDirectory(path: string, what = 'the data directory (set DATA_DIR)'): () => void {
  try {
    makeDirectory(resolve(path));
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new StartFailure(`cannot use ${what} ${path}: ${reason}`, { cause });
  }
  let lock: DatabaseSync | undefined;
  try {
    lock = new DatabaseSync(join(path, 'lock.db'));
    lock.exec('pragma locking_mode = exclusive; begin exclusive');
  } catch (cause) {
    lock?.close();
    const reason = cause instanceof Error ? cause.message : String(cause);
    const isTaken = reason.includes('locked');
    throw new StartFailure(
      isTaken ? `another Celeriac uses ${what} ${path}` : `cannot use ${what} ${path}: ${reason}`,
      { cause },
    );
  }
  return () => lock.close();
}

/**
 * Creates a directory with its parents. Node's recursive mkdir never returns on a file system that refuses names, like
 * `/proc`.
 */
function makeDirectory(path: string): void {
  if (existsSync(path)) return;
  makeDirectory(dirname(path));
  mkdirSync(path);
}
