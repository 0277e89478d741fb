import { randomBytes } from 'node:crypto';
import postgres from 'postgres';
import { inject } from 'vitest';

/** Values that `test-postgres.ts` provides to every test file of the run. */
export interface TestCluster {
  readonly superuserUrl: string;
  /** The database from which every test database is copied: migrated, otherwise empty. */
  readonly template: string;
  /** The password of all function roles in this cluster. */
  readonly rolePassword: string;
}

declare module 'vitest' {
  export interface ProvidedContext {
    cluster: TestCluster;
  }
}

export interface TestDatabase {
  readonly name: string;
  /** URL of the superuser, whom row-level security does not bind. */
  readonly superuserUrl: string;
  /** Returns the URL with the role of one function: `urlFor('dead-letters')` logs in as `celeriac_dead_letters`. */
  urlFor(functionName: string): string;
  /** Ends every session and removes the database. Optional: the whole cluster is removed when the run ends. */
  drop(): Promise<void>;
}

/**
 * Creates a database in the cluster of the test run, migrated unless `migrated` is false. Call it once per test file, in
 * `beforeAll`; it takes a few dozen milliseconds.
 */
export async function createTestDatabase({ migrated = true } = {}): Promise<TestDatabase> {
  const { superuserUrl, template, rolePassword } = inject('cluster');
  const name = `test_${randomBytes(6).toString('hex')}`;
  await asSuperuser(superuserUrl, (sql) =>
    sql.unsafe(`create database ${name} template ${migrated ? template : 'template0'}`),
  );
  const urlOf = (user?: string, password?: string) => {
    const url = new URL(superuserUrl);
    url.pathname = `/${name}`;
    if (user) url.username = user;
    if (password) url.password = password;
    return url.href;
  };
  return {
    name,
    superuserUrl: urlOf(),
    urlFor: (functionName) => urlOf(`celeriac_${functionName.replaceAll('-', '_')}`, rolePassword),
    drop: () =>
      asSuperuser(superuserUrl, (sql) => sql.unsafe(`drop database if exists ${name} with (force)`)),
  };
}

async function asSuperuser(url: string, run: (sql: postgres.Sql) => PromiseLike<unknown>): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    await run(sql);
  } finally {
    await sql.end();
  }
}
