import { withConnection } from './connection.ts';

/** LIKE pattern for the functions' roles: `celeriac_api`, `celeriac_worker`, … */
const FUNCTION_ROLES = 'celeriac\\_%';

/**
 * Sets `password` for every function's role. On AWS the roles log in by IAM and have no password.
 *
 * @param superuserUrl a URL of the cluster's superuser. Call this after the migrations have created the roles.
 */
export async function setRolePasswords(superuserUrl: string, password: string): Promise<void> {
  await withConnection(superuserUrl, async (sql) => {
    const [row] = await sql<{ statements: string }[]>`
      select string_agg(format('alter role %I password %L', rolname, ${password}::text), ';') as statements
      from pg_roles where rolname like ${FUNCTION_ROLES} and rolcanlogin`;
    await sql.unsafe(row?.statements ?? '');
  });
}

/** Creates a database if it does not exist. */
export async function createDatabase(superuserUrl: string, name: string): Promise<void> {
  await withConnection(superuserUrl, async (sql) => {
    const found = await sql`select from pg_database where datname = ${name}`;
    if (found.length === 0) await sql`create database ${sql(name)}`;
  });
}
