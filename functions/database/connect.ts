import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { JsonText } from '../exact-json/json-text.ts';
import { followingWriter, replaceConnection } from './following-writer.ts';

/**
 * A connection, or a transaction on it. A sandbox has one connection and serves one request at a time, so a query
 * beside an open transaction would wait for ever: inside `begin`, use the transaction that it hands over.
 */
export type Database = postgres.Sql<{ bigint: number }>;
export type Transaction = postgres.TransactionSql<{ bigint: number }>;

/** Idle seconds after which the connection may have been closed by the server while the sandbox was frozen. */
const SUSPECT_AFTER_SECONDS = 30;

/** Each on a connection of its own, if need be. */
const WAKE_TRIES = 4;

/**
 * How Postgres plans. A statement is planned once for each connection, whatever its parameters: left to itself, Postgres
 * plans one anew at each execution when it expects that to pay. `claim` then took longer to plan than to run. A kept
 * plan must also be right for tables that grow after it was made: Postgres reads a small table whole, and a plan that does
 * so is ruinous a bulk load later. `plans.test.ts` looks at every statement, in both respects.
 */
const PLANNING = { plan_cache_mode: 'force_generic_plan', enable_seqscan: 'off' };

const TYPES = {
  /** `seq` and counts: far below 2^53. */
  bigint: { to: 20, from: [20], serialize: String, parse: Number },
  /** jsonb travels as text in both drizzle's and our own statements; whoever passes a value has stringified it. */
  jsonb: {
    to: 3802,
    from: [3802],
    serialize: (text: string) => text,
    parse: (text: string) => JSON.parse(text),
  },
  /** json keeps what was written, and is read as such. */
  json: {
    to: 114,
    from: [114],
    serialize: (text: string) => text,
    parse: (text: string) => new JsonText(text),
  },
  /** Known here, so that no connection starts with a query for array types. */
  uuids: {
    to: 2951,
    from: [2951],
    serialize: (ids: readonly string[]) => `{${ids.join(',')}}`,
    parse: parseArray,
  },
  texts: { to: 1009, from: [1009], serialize: serializeTexts, parse: parseArray },
};

/**
 * Opens this sandbox's one connection, lazily: nothing is sent before the first query. The connection is always to a server that
 * can write: a standby is refused when connecting (`CONNECTION_DESTROYED`), which costs no statement, as Postgres tells it in its
 * greeting. A connection whose server has become a standby is given up at the first statement that fails for that reason.
 *
 * @param url    a URL with a password logs in with it; one without logs in by IAM: a token signed for 15 minutes
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
        // And one that is frozen for good must not keep its connection.
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
 * TLS with a verified server. Certificate and name of the server must be right.
 *
 * @param caFile PEM of the authorities to believe: `rds-ca.pem`, which is shipped beside the code of a function; undefined for a server without TLS, on this machine
 */
export function verifiedTls(caFile: string | undefined) {
  return caFile ? { ssl: { ca: readFileSync(caFile, 'utf8'), rejectUnauthorized: true } } : {};
}

/**
 * Makes sure that the connection is usable after a pause, outside any transaction: a server that closed it while the
 * sandbox was frozen is noticed here, by a query that may safely be repeated, and not by the first real statement. The same
 * query asks whether the server can write: after a failover, it may have become a standby.
 */
export function connectionKeeper(db: Database, now: () => number = Date.now): () => Promise<void> {
  let lastUse = now();
  return async () => {
    const idleSeconds = (now() - lastUse) / 1000;
    lastUse = now();
    if (idleSeconds > SUSPECT_AFTER_SECONDS) await checkConnection(db);
  };
}

/** The pause lets the client notice that its socket has closed, and open another one. */
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
  // Loaded here, as only a deployed function needs it.
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
