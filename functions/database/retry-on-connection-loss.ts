import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode } from './error-code.ts';

/** Milliseconds before each further try. */
const PAUSES = [100, 500];

/**
 * Does work that may be repeated once more, and then once again, when the connection is lost, or its server can no longer
 * write: outside transactions only.
 *
 * @throws what the last try threw, or at once what the database refused
 */
export async function again<T>(work: () => Promise<T>): Promise<T> {
  for (const pause of PAUSES) {
    try {
      return await work();
    } catch (error) {
      if (isRefusal(error)) throw error;
      await sleep(pause);
    }
  }
  return work();
}

/** SQLSTATE classes 22 and 23: what was given, and not the database's state, is the trouble. */
export function isRefusal(error: unknown): boolean {
  return /^2[23]...$/.test(errorCode(error) ?? '');
}
