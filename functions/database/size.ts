import type { Database } from './connect.ts';

/** Bytes of the largest table, with its indexes and its large values. A partition counts as a table. */
export async function largestTableBytes(db: Database): Promise<number> {
  const [row] = await db<{ bytes: number }[]>`
    select coalesce(max(pg_total_relation_size(relid)), 0) as bytes from pg_stat_user_tables`;
  return row?.bytes ?? 0;
}
