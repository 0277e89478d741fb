import { drizzle, type PgRemoteDatabase } from 'drizzle-orm/pg-proxy';
import type { Database, Transaction } from './connect.ts';

/**
 * drizzle's query builder on a connection or transaction of ours. drizzle's own postgres.js driver would replace the
 * client's parsers and send every statement unprepared (two round trips instead of one); through its proxy driver the
 * statements are prepared and run where we say.
 */
export function query(on: Database | Transaction): PgRemoteDatabase {
  return drizzle(async (text, parameters, method) => {
    const statement = on.unsafe(text, parameters, { prepare: true });
    return { rows: method === 'all' ? await statement.values() : [...(await statement)] };
  });
}
