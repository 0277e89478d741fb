import postgres from 'postgres';

/** What the functions' roles are called, as a LIKE pattern: `celeriac_api`, `celeriac_worker`, … */
const FUNCTION_ROLES = 'celeriac\\_%';

/**
 * Lets every function's role log in with `password`: on AWS they log in by IAM and have none.
 *
 * @param superuserUrl a URL of the cluster's superuser, after the migrations have made the roles
 */
export async function setRolePasswords(superuserUrl: string, password: string): Promise<void> {
  const sql = postgres(superuserUrl, { max: 1, onnotice: () => {} });
  try {
    const [row] = await sql<{ statements: string }[]>`
      select string_agg(format('alter role %I password %L', rolname, ${password}::text), ';') as statements
      from pg_roles where rolname like ${FUNCTION_ROLES} and rolcanlogin`;
    await sql.unsafe(row?.statements ?? '');
  } finally {
    await sql.end();
  }
}

/** Makes a database unless it is there. */
export async function createDatabase(superuserUrl: string, name: string): Promise<void> {
  const sql = postgres(superuserUrl, { max: 1, onnotice: () => {} });
  try {
    const found = await sql`select from pg_database where datname = ${name}`;
    if (found.length === 0) await sql`create database ${sql(name)}`;
  } finally {
    await sql.end();
  }
}
