import type { Sql } from 'postgres';

/** The database roles of the functions: one for each function that reads or writes. None of them owns a table. */
export const FUNCTION_ROLES = [
  'celeriac_auth',
  'celeriac_session',
  'celeriac_api',
  'celeriac_socket',
  'celeriac_worker',
  'celeriac_dead_letters',
  'celeriac_dispatcher',
  'celeriac_prices',
  'celeriac_mail_events',
] as const;

/** Owns schema, tables and definer functions. Nobody logs in with this role. */
export const OWNER_ROLE = 'celeriac_owner';

/**
 * Creates the missing roles and leaves existing ones as they are, so it may run any number of times. On RDS the roles log in by
 * IAM (`rds_iam`). Elsewhere the operator of the server sets their passwords.
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
