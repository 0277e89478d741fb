import type { Sql } from 'postgres';

/** The database roles of the functions: one per function that reads or writes, none of which owns a table. */
export const FUNCTION_ROLES = [
  'celeriac_auth',
  'celeriac_session',
  'celeriac_api',
  'celeriac_socket',
  'celeriac_worker',
  'celeriac_dead_letters',
  'celeriac_dispatcher',
  'celeriac_prices',
] as const;

/** Owns schema, tables and definer functions; nobody logs in as it. */
export const OWNER_ROLE = 'celeriac_owner';

/**
 * Makes the roles that are missing; those that exist are left as they are, so it may run any number of times.
 * On RDS they log in by IAM (`rds_iam`); elsewhere whoever runs the server gives them a password.
 *
 * @param sql a connection of a user that may create roles
 */
export async function ensureRoles(sql: Sql): Promise<void> {
  const [{ rds } = { rds: false }] = await sql<{ rds: boolean }[]>`
    select exists (select from pg_roles where rolname = 'rds_iam') as rds`;
  const present = new Set((await sql`select rolname from pg_roles`).map((row) => row.rolname));
  if (!present.has(OWNER_ROLE)) await sql.unsafe(`create role ${OWNER_ROLE} nologin`);
  for (const role of FUNCTION_ROLES) {
    if (!present.has(role)) await sql.unsafe(`create role ${role} login nobypassrls nocreatedb nocreaterole`);
    if (rds) await sql.unsafe(`grant rds_iam to ${role}`);
  }
  await sql.unsafe(`
    grant ${OWNER_ROLE} to current_user with inherit true, set true;
    revoke all on schema public from public;
    grant all on schema public to ${OWNER_ROLE};
    grant usage on schema public to ${FUNCTION_ROLES.join(', ')};
    do $$ begin execute format('grant create on database %I to ${OWNER_ROLE}', current_database()); end $$;`);
}
