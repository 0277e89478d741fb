type Shape = {
  /** 1769 MiB give one whole vCPU; less memory gives a share of one. */
  memoryMiB: number;
  /** Lambda kills the sandbox when an invocation reaches this age. */
  timeoutSeconds: number;
  /**
   * True for a function that uses the database. It runs in the database's network and holds a connection. Other functions
   * do neither.
   */
  database: boolean;
};

/**
 * The functions, one per trigger. API Gateway gives up on HTTP after 30 s and on WebSocket routes after 29 s, so the
 * functions behind it have shorter limits. The dispatcher's limit is shorter than a minute, so that a slow tick ends
 * before the next one.
 */
export const FUNCTIONS = {
  auth: { memoryMiB: 1769, timeoutSeconds: 15, database: true },
  session: { memoryMiB: 512, timeoutSeconds: 15, database: true },
  api: { memoryMiB: 1024, timeoutSeconds: 28, database: true },
  socket: { memoryMiB: 512, timeoutSeconds: 28, database: true },
  worker: { memoryMiB: 1769, timeoutSeconds: 900, database: true },
  'dead-letters': { memoryMiB: 512, timeoutSeconds: 60, database: true },
  dispatcher: { memoryMiB: 1024, timeoutSeconds: 55, database: true },
  prices: { memoryMiB: 512, timeoutSeconds: 60, database: true },
  'mail-events': { memoryMiB: 256, timeoutSeconds: 30, database: true },
  migrate: { memoryMiB: 1024, timeoutSeconds: 600, database: true },
  'origin-check': { memoryMiB: 512, timeoutSeconds: 5, database: false },
  'rotate-signing-key': { memoryMiB: 256, timeoutSeconds: 30, database: false },
  'publish-console': { memoryMiB: 512, timeoutSeconds: 120, database: false },
} as const satisfies Record<string, Shape>;

export type FunctionName = keyof typeof FUNCTIONS;

export const FUNCTION_NAMES = Object.keys(FUNCTIONS) as readonly FunctionName[];

/** The functions that use the database, those that run at deployments included. */
export const DATABASE_FUNCTIONS = FUNCTION_NAMES.filter((name) => FUNCTIONS[name].database);

/** Returns the Postgres role of a function, for example `celeriac_dead_letters`. `migrate` creates the role. */
export const databaseRole = (name: FunctionName) => `celeriac_${name.replaceAll('-', '_')}`;

/** Returns the entry of a deployed function: `worker` for `celeriac-pr-12-worker`. Undefined for a name of another function. */
export const entryOf = (functionName: string): FunctionName | undefined =>
  FUNCTION_NAMES.find((name) => functionName.endsWith(`-${name}`));

/** Returns a record with one value for each function. */
export function mapFunctions<T>(of: (name: FunctionName) => T): Record<FunctionName, T> {
  return Object.fromEntries(FUNCTION_NAMES.map((name) => [name, of(name)])) as Record<FunctionName, T>;
}
