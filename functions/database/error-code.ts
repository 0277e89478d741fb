/** The code of an error of the database or of the connection to it. drizzle wraps errors: then the code of the cause. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('code' in error && typeof error.code === 'string') return error.code;
  return errorCode(error.cause);
}

/**
 * The server has become a reader (after a failover, or because the name of the cluster still led to one), or is about to end
 * all sessions: 57P01 to 57P05.
 */
const USELESS_CONNECTION = /^(25006|57P0.)$/;

/** SQLSTATE class 08 and "too many connections"; the codes of postgres.js; those of the system. */
const UNREACHABLE =
  /^(08...|53300|CONNECTION_(CLOSED|DESTROYED|ENDED)|CONNECT_TIMEOUT|E(CONNREFUSED|CONNRESET|PIPE|TIMEDOUT|HOSTUNREACH|NETUNREACH|NOTFOUND|AI_AGAIN))$/;

/** True when the connection that gave this error cannot be used any more. */
export const isOfUselessConnection = (error: unknown): boolean =>
  USELESS_CONNECTION.test(errorCode(error) ?? '');

/** True when the database cannot serve at the moment. The same request may succeed later, on another connection. */
export const isUnavailable = (error: unknown): boolean =>
  isOfUselessConnection(error) || UNREACHABLE.test(errorCode(error) ?? '');
