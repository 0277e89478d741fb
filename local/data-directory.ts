import { accessSync, constants, existsSync, mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { StartFailure } from './start-failure.ts';

/**
 * Makes the directory when it is missing, and keeps others from using it for as long as this process lives.
 * The lock is one of the operating system (by way of SQLite), so that none remains after a `kill -9`.
 *
 * @returns a function that gives the directory free
 * @throws {StartFailure} when it cannot be written, or somebody has it
 */
export function occupyDirectory(path: string): () => void {
  try {
    makeDirectory(resolve(path));
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new StartFailure(`cannot use the data directory ${path} (set DATA_DIR): ${reason}`, { cause });
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
      isTaken
        ? `another Celeriac runs on the data directory ${path}: stop it, or set DATA_DIR`
        : `cannot use the data directory ${path} (set DATA_DIR): ${reason}`,
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
