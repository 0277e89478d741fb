import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode } from './error-code.ts';

/** Milliseconds before the second and the third try. */
const PAUSES = [100, 500];

/**
 * Repeats `work` up to twice when it fails, for example because the connection is lost or the server can no longer write. `work`
 * must be safe to repeat, and must not stand inside a transaction. An error in the data (`isDataError`) is not retried.
 *
 * @throws the error of the last try, or a data error at once
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

/** True for SQLSTATE classes 22 and 23: the data is wrong, and a further try would fail too. */
export function isDataError(error: unknown): boolean {
  return /^2[23]...$/.test(errorCode(error) ?? '');
}
