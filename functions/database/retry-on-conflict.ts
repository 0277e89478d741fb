import { errorCode } from './error-code.ts';

/**
 * A referenced row is gone; serialization failure; deadlock; the server has become a reader, which refused the first write; the right
 * to do it has ended since the transaction entered. The next try is on a new connection.
 */
const CONFLICTS: ReadonlySet<string> = new Set(['23503', '40001', '40P01', '25006', '42501']);

const TRIES = 4;

/**
 * Runs a transaction, or one statement, again when a concurrent transaction stood in its way. Nothing is left of the failed
 * try. The next try sees what the other transaction has done, and is refused by the usual rules: who writes into an
 * organization that was deleted meanwhile is told that there is none.
 *
 * @param work must have no effect outside the database
 */
export async function retryOnConflict<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (tries === TRIES || !CONFLICTS.has(errorCode(error) ?? '')) throw error;
    }
  }
}
