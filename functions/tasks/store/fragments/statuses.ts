import type { Database, Transaction } from '../../../database/connect.ts';

/*
 * Lists of statuses, to follow `in`. They are literals and not parameters, because Postgres uses a partial index only for
 * statuses that the statement names.
 */

/** The statuses of a task that has not ended. */
export const unfinishedSql = (db: Database | Transaction) => db`('PENDING', 'SCHEDULED', 'RUNNING')`;

/** The statuses of a task that has ended, equal to `TERMINAL`. */
export const finishedSql = (db: Database | Transaction) => db`('COMPLETED', 'FAILED', 'CANCELLED')`;

/** The statuses of a task that has ended without completing. */
export const unsuccessfulSql = (db: Database | Transaction) => db`('FAILED', 'CANCELLED')`;
