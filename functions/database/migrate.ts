import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate as applyMigrations } from 'drizzle-orm/postgres-js/migrator';
import postgres from 'postgres';
import { ensureRoles, OWNER_ROLE } from './roles.ts';

/** Any number that nothing else in this database locks: two deployments at once migrate one after the other. */
const MIGRATION_LOCK = 7_423_001;

/**
 * Brings a database to the newest schema: roles first, then every migration not yet applied, all in one transaction.
 * Safe to repeat and to run twice at once.
 *
 * @param connection of a user that may create roles, e.g. the RDS master user
 * @param folder     of the `.sql` files and their journal
 * @returns the number of migrations that the database has afterwards
 */
export async function migrate(
  connection: { url: string; options?: postgres.Options<Record<string, never>> },
  folder: string,
): Promise<number> {
  const sql = postgres(connection.url, { ...connection.options, max: 1, onnotice: () => {} });
  try {
    await sql`select pg_advisory_lock(${MIGRATION_LOCK})`;
    await ensureRoles(sql);
    await sql.unsafe(`set role ${OWNER_ROLE}`);
    await applyMigrations(drizzle(sql), { migrationsFolder: folder, migrationsSchema: 'migrations' });
    const [row] = await sql<
      { applied: number }[]
    >`select count(*)::int as applied from migrations.__drizzle_migrations`;
    return row?.applied ?? 0;
  } finally {
    await sql.end({ timeout: 5 });
  }
}
