import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode } from './error-code.ts';

/** Milliseconds before each further try. */
const PAUSES = [100, 500];

/**
 * Repeats work up to twice when the connection is lost, or when its server can no longer write. The work must be safe to
 * repeat, and must not stand inside a transaction.
 *
 * @throws what the last try threw, or at once what the database refused
 */
export async function retryOnConnectionLoss<T>(work: () => Promise<T>): Promise<T> {
  for (const pause of PAUSES) {
    try {
      return await work();
    } catch (error) {
      if (isDataError(error)) throw error;
      await sleep(pause);
    }
  }
  return work();
}

/** True for SQLSTATE classes 22 and 23: the data is wrong, and a further try would fail in the same way. */
export function isDataError(error: unknown): boolean {
  return /^2[23]...$/.test(errorCode(error) ?? '');
}
