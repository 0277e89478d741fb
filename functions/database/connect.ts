import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { JsonText } from '../exact-json/json-text.ts';
import { followingWriter, replaceConnection } from './following-writer.ts';

/**
 * A connection, or a transaction on it. A sandbox has one connection and serves one request at a time. A query beside an open
 * transaction would therefore wait for ever: inside `begin`, use the transaction that `begin` passes.
 */
export type Database = postgres.Sql<{ bigint: number }>;
export type Transaction = postgres.TransactionSql<{ bigint: number }>;

/** Idle seconds after which the server may have closed the connection while the sandbox was frozen. */
const SUSPECT_AFTER_SECONDS = 30;

/** Number of tries to reach the server. Each try may open a new connection. */
const WAKE_TRIES = 4;

/**
 * Planner settings. With them, Postgres plans a statement once for each connection, whatever its parameters. By default, Postgres
 * plans a statement anew at each execution when it expects a gain: `claim` then took longer to plan than to run. A kept plan must
 * also be right for tables that grow after planning. Postgres reads a small table whole, and such a plan is ruinous after a bulk
 * load. `plans.test.ts` checks both points for every statement.
 */
const PLANNING = { plan_cache_mode: 'force_generic_plan', enable_seqscan: 'off' };

const TYPES = {
  /** `seq` and counts. They stay far below 2^53. */
  bigint: { to: 20, from: [20], serialize: String, parse: Number },
  /** jsonb travels as text in drizzle's statements and in ours. The caller stringifies the value. */
  jsonb: {
    to: 3802,
    from: [3802],
    serialize: (text: string) => text,
    parse: (text: string) => JSON.parse(text),
  },
  /** json keeps the written text, so it is read as `JsonText`. */
  json: {
    to: 114,
    from: [114],
    serialize: (text: string) => text,
    parse: (text: string) => new JsonText(text),
  },
  /** Declared here, so that no connection starts with a query for array types. */
  uuids: {
    to: 2951,
    from: [2951],
    serialize: (ids: readonly string[]) => `{${ids.join(',')}}`,
    parse: parseArray,
  },
  texts: { to: 1009, from: [1009], serialize: serializeTexts, parse: parseArray },
};

/**
 * Opens the one connection of this sandbox. Nothing is sent before the first query. The connection always leads to a server that
 * can write. A standby is refused while connecting (`CONNECTION_DESTROYED`). The check costs no statement, because Postgres names
 * its role in the greeting. When the server of an open connection becomes a standby, the first statement that fails for this
 * reason replaces the connection.
 *
 * @param url    a URL with a password logs in with the password; a URL without one logs in by IAM, with a token signed for 15
 *   minutes
 * @param caFile PEM of the authorities that may sign the server's certificate; undefined for a server without TLS
 */
export function connect(url: string, caFile?: string): Database {
  const { hostname, port, username, password } = new URL(url);
  const iam = password === '';
  const open = () =>
    postgres(url, {
      max: 1,
      // After a failover, the cluster's name may still lead to the old writer.
      target_session_attrs: 'primary',
      // Seconds; a cold start must not spend its whole time limit on a database that is down.
      connect_timeout: 10,
      fetch_types: false,
      onnotice: () => {},
      types: TYPES,
      connection: {
        application_name: decodeURIComponent(username),
        ...PLANNING,
        statement_timeout: 30_000,
        // A sandbox that is frozen or killed inside a transaction must not keep its rows locked.
        idle_in_transaction_session_timeout: 10_000,
        // A sandbox that stays frozen must not keep its connection.
        idle_session_timeout: 900_000,
      },
      ...verifiedTls(caFile),
      ...(iam && {
        password: () => iamToken(hostname, Number(port || 5432), decodeURIComponent(username)),
      }),
    }) as unknown as Database;
  return followingWriter(open);
}

/**
 * Returns the TLS options that verify the server: its certificate and its name must be right.
 *
 * @param caFile PEM of the trusted authorities: `rds-ca.pem`, shipped beside the code of a function; undefined for a server
 *   without TLS on this machine
 */
export function verifiedTls(caFile: string | undefined) {
  return caFile ? { ssl: { ca: readFileSync(caFile, 'utf8'), rejectUnauthorized: true } } : {};
}

/**
 * Returns a function that makes the connection usable after a pause. Call it outside any transaction. If the server closed the
 * connection while the sandbox was frozen, a query that is safe to repeat notices it here, before the first real statement. The
 * query also asks whether the server can write: after a failover, the server may have become a standby.
 */
export function connectionKeeper(db: Database, now: () => number = Date.now): () => Promise<void> {
  let lastUse = now();
  return async () => {
    const idleSeconds = (now() - lastUse) / 1000;
    lastUse = now();
    if (idleSeconds > SUSPECT_AFTER_SECONDS) await checkConnection(db);
  };
}

/** The pause between tries gives the client time to notice that its socket has closed, and to open another one. */
async function checkConnection(db: Database): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      const [row] = await db<{ isStandby: boolean }[]>`select pg_is_in_recovery() as "isStandby"`;
      if (!row?.isStandby) return;
      replaceConnection(db);
      throw new Error('The database is a standby, which cannot write');
    } catch (error) {
      if (tries === WAKE_TRIES) throw error;
      await sleep(50 * tries);
    }
  }
}

async function iamToken(hostname: string, port: number, username: string): Promise<string> {
  // Loaded here, because only a deployed function needs the signer.
  const { Signer } = await import('@aws-sdk/rds-signer');
  return new Signer({ hostname, port, username }).getAuthToken();
}

function serializeTexts(texts: readonly string[]): string {
  return `{${texts.map((text) => `"${text.replace(/["\\]/g, '\\$&')}"`).join(',')}}`;
}

/** Reads a one-dimensional array of non-null elements as Postgres prints it. */
function parseArray(text: string): string[] {
  return [...text.matchAll(/"((?:[^"\\]|\\.)*)"|([^{},"]+)/g)].map((match) =>
    match[1] === undefined ? (match[2] ?? '') : match[1].replace(/\\(.)/g, '$1'),
  );
}
