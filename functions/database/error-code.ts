/**
 * Returns the code of an error from the database or from the connection to it. For an error that drizzle wraps: the code of its
 * cause.
 */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('code' in error && typeof error.code === 'string') return error.code;
  return errorCode(error.cause);
}

/**
 * SQLSTATEs of a connection that is of no more use. 25006: the server is a standby, after a failover or because the name of the
 * cluster still led to the standby. 57P01 to 57P05: the server ends its sessions.
 */
const USELESS_CONNECTION = /^(25006|57P0.)$/;

/** SQLSTATE class 08, "too many connections", the codes of postgres.js, and those of the operating system. */
const UNREACHABLE =
  /^(08...|53300|CONNECTION_(CLOSED|DESTROYED|ENDED)|CONNECT_TIMEOUT|E(CONNREFUSED|CONNRESET|PIPE|TIMEDOUT|HOSTUNREACH|NETUNREACH|NOTFOUND|AI_AGAIN))$/;

/** True when the connection that raised this error cannot be used any more. */
export const isOfUselessConnection = (error: unknown): boolean =>
  USELESS_CONNECTION.test(errorCode(error) ?? '');

/** True when the database cannot serve at the moment. The request may succeed later, on another connection. */
export const isUnavailable = (error: unknown): boolean =>
  isOfUselessConnection(error) || UNREACHABLE.test(errorCode(error) ?? '');
