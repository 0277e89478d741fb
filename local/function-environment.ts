import { localDatabaseUrl } from './postgres/database-url.ts';
import type { FunctionSpec } from './template/deployment.ts';

/**
 * Values that differ from the template on this machine, unless the shell sets them: login by `?token=` in a WebSocket
 * URL is allowed, and no metrics are written to the logs.
 */
const LOCAL_DEFAULTS: Readonly<Record<string, string>> = {
  TOKEN_IN_URL: 'allowed',
  METRICS: 'none',
  // A local database has no failover to survive. A shorter lease resumes tasks sooner after a kill -9.
  LEASE_SECONDS: '30',
  // All clients on this machine have one address.
  LOGINS_PER_ADDRESS: '1000',
  REGISTRATIONS_PER_ADDRESS: '1000',
  // Mail stays in the mailbox of this machine.
  MAIL_SENDERS: 'example.com',
};

/** Variables that locate the local server. A developer's own variable of that name means another database. */
const NOT_FROM_SHELL = new Set(['DATABASE_URL', 'DATABASE_CA_FILE']);

export interface DatabaseLogin {
  readonly host: string;
  readonly port: number;
  /** Password of every function's role. */
  readonly rolePassword: string;
}

/**
 * Returns the variables of a function on this machine: the template's values, replaced by the local defaults, replaced
 * by the shell's values for variables that the template names.
 */
export function functionEnvironment(
  { environment }: Pick<FunctionSpec, 'environment'>,
  shell: Readonly<Record<string, string | undefined>>,
  login: DatabaseLogin,
): Record<string, string> {
  const result = Object.entries(environment).map(([name, value]): [string, string] => {
    const fromShell = NOT_FROM_SHELL.has(name) ? undefined : shell[name];
    return [name, fromShell ?? LOCAL_DEFAULTS[name] ?? value];
  });
  return withPasswordLogin(Object.fromEntries(result), login);
}

/** Replaces the IAM login over TLS: a role logs in with a password that only this machine has. */
function withPasswordLogin(
  { DATABASE_URL, DATABASE_CA_FILE: _, ...rest }: Record<string, string>,
  { host, port, rolePassword }: DatabaseLogin,
): Record<string, string> {
  if (DATABASE_URL === undefined) return rest;
  const url = localDatabaseUrl(DATABASE_URL, { host, port, passwordOf: () => rolePassword });
  return { ...rest, DATABASE_URL: url };
}
