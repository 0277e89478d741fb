import { errorCode } from './error-code.ts';

/**
 * SQLSTATEs that a further try can cure. 23503: a referenced row is gone. 40001: serialization failure. 40P01: deadlock. 25006:
 * the server is a standby, and refused the first write; the next try is on a new connection. 42501: the right to write has ended
 * since the transaction entered.
 */
const CONFLICTS: ReadonlySet<string> = new Set(['23503', '40001', '40P01', '25006', '42501']);

const TRIES = 4;

/**
 * Runs a transaction, or one statement, again when a concurrent transaction was in its way. Nothing is left of the failed try.
 * The next try sees what the other transaction has done, and the usual rules may refuse it. A write into an organization that was
 * deleted meanwhile, for example, is refused because there is no such organization.
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
