import { accessSync, constants, existsSync, mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { StartFailure } from './start-failure.ts';

/**
 * Makes the directory when it is missing, and keeps others from using it for as long as this process lives.
 * The lock is one of the operating system (by way of SQLite), so that none remains after a `kill -9`.
 *
 * @param what the directory is called in the failure's message, with what to do about it
 * @returns a function that gives the directory free
 * @throws {StartFailure} when it cannot be written, or somebody has it
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

/** Node's own recursive mkdir never returns where a file system refuses names, as `/proc` does. */
function makeDirectory(path: string): void {
  if (existsSync(path)) return;
  makeDirectory(dirname(path));
  mkdirSync(path);
}
