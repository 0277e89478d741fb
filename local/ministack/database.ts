import { randomBytes } from 'node:crypto';
import type { Sql } from 'postgres';
import type { Postgres } from '../postgres/cluster.ts';
import { withConnection } from '../postgres/connection.ts';
import { localDatabaseUrl } from '../postgres/database-url.ts';
import type { FunctionSpec } from '../template/deployment.ts';
import type { Variables } from './adapt/adapt.ts';

/** The database that the functions' DATABASE_URL names. */
const DATABASE = 'celeriac';

/**
 * A real Postgres in place of the emulator's RDS endpoint, which has no server. This code does RDS's part: it creates
 * the master user and the database. Passwords replace IAM login.
 */
export interface StandInDatabase {
  /** URL of the superuser, to whom row-level security does not apply. */
  readonly url: string;
  /** Returns a function's variables that replace the template's DATABASE_URL and file of authorities. */
  environmentOf(spec: Pick<FunctionSpec, 'environment'>): Variables;
  /** Creates the database and the master user. `login` is the login of the secret that the deployment generated. */
  createMaster(login: { username: string; password: string }): Promise<void>;
  /** Sets the passwords of all roles in the functions' URLs. Call it after the migrations have created the roles. */
  openRoles(): Promise<void>;
}

export function standInDatabase({ host, port, url }: Postgres): StandInDatabase {
  const passwords = new Map<string, string>();
  const passwordOf = (role: string) => {
    const password = passwords.get(role) ?? randomBytes(24).toString('base64url');
    passwords.set(role, password);
    return password;
  };
  return {
    url: url(DATABASE),
    environmentOf({ environment: { DATABASE_URL, DATABASE_CA_FILE } }) {
      if (DATABASE_URL === undefined) return {};
      return {
        DATABASE_URL: localDatabaseUrl(DATABASE_URL, { host, port, passwordOf }),
        ...(DATABASE_CA_FILE !== undefined && { DATABASE_CA_FILE: null }),
      };
    },
    createMaster: ({ username, password }) =>
      withConnection(url(), async (sql) => {
        // As on RDS, the master user is no superuser but may create roles and databases.
        await sql`create role ${sql(username)} login createrole createdb`;
        await setPassword(sql, username, password);
        await sql`create database ${sql(DATABASE)} owner ${sql(username)}`;
      }),
    openRoles: () =>
      withConnection(url(), async (sql) => {
        for (const [role, password] of passwords) await setPassword(sql, role, password);
      }),
  };
}

/** Sets the password of a role. The password may have any characters: RDS generates some with quotes. */
export async function setPassword(sql: Sql, role: string, password: string): Promise<void> {
  const [row] = await sql<{ statement: string }[]>`
    select format('alter role %I password %L', ${role}::text, ${password}::text) as statement`;
  await sql.unsafe(row?.statement ?? '');
}
