import type { FunctionSpec } from './template/deployment.ts';

/**
 * Variables that the local runtime sets otherwise than the template, unless the shell sets them: the login by `?token=` in a
 * WebSocket address works here, and no metrics are written to the logs.
 */
const LOCAL_DEFAULTS: Readonly<Record<string, string>> = {
  TOKEN_IN_URL: 'allowed',
  METRICS: 'none',
  // No failover of the database to outlast: what a kill -9 interrupted goes on sooner.
  LEASE_SECONDS: '30',
  // Everybody on this machine has the same address.
  LOGINS_PER_ADDRESS: '1000',
  REGISTRATIONS_PER_ADDRESS: '1000',
};

/** Variables that say where the local server is: a developer's own of the same name means another database. */
const NOT_FROM_SHELL = new Set(['DATABASE_URL', 'DATABASE_CA_FILE']);

export interface DatabaseLogin {
  readonly host: string;
  readonly port: number;
  /** Of every function's role. */
  readonly rolePassword: string;
}

/**
 * The variables of a function on this machine: the template's; over them the local defaults, and over them those of
 * the shell that the template names too.
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

/**
 * The stand-in for IAM login over TLS: a role logs in with a password that only this machine has, at the local
 * server, which speaks no TLS on the loopback interface. A URL without a role (the owner's, who reads a secret)
 * stays without.
 */
function withPasswordLogin(
  { DATABASE_URL, DATABASE_CA_FILE: _, ...rest }: Record<string, string>,
  { host, port, rolePassword }: DatabaseLogin,
): Record<string, string> {
  if (DATABASE_URL === undefined) return rest;
  const url = new URL(DATABASE_URL);
  url.hostname = host;
  url.port = String(port);
  url.search = '';
  if (url.username) url.password = rolePassword;
  return { ...rest, DATABASE_URL: url.href };
}
