import { randomBytes } from 'node:crypto';
import postgres from 'postgres';
import type { Postgres } from '../postgres/cluster.ts';
import type { FunctionSpec } from '../template/deployment.ts';
import type { Variables } from './adapt/adapt.ts';

/** The database that the functions' DATABASE_URL names. */
const DATABASE = 'celeriac';

/**
 * The server behind the emulator's RDS endpoint, which has none: a real Postgres, with what RDS makes (the master
 * user and the database) made by hand, and with passwords in the place of IAM login.
 */
export interface StandInDatabase {
  /** As the superuser, whom row-level security does not bind. */
  readonly url: string;
  /** What a function gets in place of the template's DATABASE_URL and the file of authorities. */
  environmentOf(spec: Pick<FunctionSpec, 'environment'>): Variables;
  /** Makes the master user, with the login of the secret that the deployment has generated, and the database. */
  createMaster(login: { username: string; password: string }): Promise<void>;
  /** Lets every role log in that a function was told to use, after the migrations have made it. */
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
      const own = new URL(DATABASE_URL);
      own.hostname = host;
      own.port = String(port);
      own.search = '';
      // A URL without a role is the owner's, who reads a secret.
      if (own.username) own.password = passwordOf(own.username);
      return {
        DATABASE_URL: own.href,
        ...(DATABASE_CA_FILE !== undefined && { DATABASE_CA_FILE: null }),
      };
    },
    createMaster: ({ username, password }) =>
      asSuperuser(url(), async (sql) => {
        // As on RDS: no superuser, but one who may make roles and databases.
        await sql`create role ${sql(username)} login createrole createdb`;
        await setPassword(sql, username, password);
        await sql`create database ${sql(DATABASE)} owner ${sql(username)}`;
      }),
    openRoles: () =>
      asSuperuser(url(), async (sql) => {
        for (const [role, password] of passwords) await setPassword(sql, role, password);
      }),
  };
}

async function setPassword(sql: postgres.Sql, role: string, password: string): Promise<void> {
  const [row] = await sql<{ statement: string }[]>`
    select format('alter role %I password %L', ${role}::text, ${password}::text) as statement`;
  await sql.unsafe(row?.statement ?? '');
}

async function asSuperuser(url: string, run: (sql: postgres.Sql) => Promise<void>): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    await run(sql);
  } finally {
    await sql.end();
  }
}
