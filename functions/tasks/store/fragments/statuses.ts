import type { Database, Transaction } from '../../../database/connect.ts';

/*
 * Lists of statuses, to follow `in`. They are text of the statement and no parameters: a partial index is used only for
 * statuses that the statement names.
 */

/** The statuses of a task that has not ended. */
export const unfinishedSql = (db: Database | Transaction) => db`('PENDING', 'SCHEDULED', 'RUNNING')`;

/** The statuses of a task that has ended, as `TERMINAL`. */
export const finishedSql = (db: Database | Transaction) => db`('COMPLETED', 'FAILED', 'CANCELLED')`;

/** The statuses of a task that has ended and did not complete. */
export const unsuccessfulSql = (db: Database | Transaction) => db`('FAILED', 'CANCELLED')`;
