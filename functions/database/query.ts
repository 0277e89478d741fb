import { drizzle, type PgRemoteDatabase } from 'drizzle-orm/pg-proxy';
import type { Database, Transaction } from './connect.ts';

/**
 * Returns drizzle's query builder on one of our connections or transactions. drizzle's own postgres.js driver would replace the
 * client's parsers and send every statement unprepared (two round trips instead of one). Its proxy driver lets us prepare the
 * statements and choose where they run.
 */
export function query(on: Database | Transaction): PgRemoteDatabase {
  return drizzle(async (text, parameters, method) => {
    const statement = on.unsafe(text, parameters, { prepare: true });
    return { rows: method === 'all' ? await statement.values() : [...(await statement)] };
  });
}
