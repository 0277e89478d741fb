type Shape = {
  /** 1769 MiB buy one whole vCPU; less buys a share of one. */
  memoryMiB: number;
  /** Lambda kills the sandbox at this age of an invocation. */
  timeoutSeconds: number;
};

/**
 * The functions, one per trigger. API Gateway gives up on HTTP after 30 s and on WebSocket routes after 29 s, so
 * that what it calls ends before; a dispatcher that would outlast its minute yields to the next tick.
 */
export const FUNCTIONS = {
  auth: { memoryMiB: 1769, timeoutSeconds: 15 },
  api: { memoryMiB: 1024, timeoutSeconds: 28 },
  socket: { memoryMiB: 512, timeoutSeconds: 28 },
  worker: { memoryMiB: 1769, timeoutSeconds: 900 },
  'dead-letters': { memoryMiB: 512, timeoutSeconds: 60 },
  dispatcher: { memoryMiB: 1024, timeoutSeconds: 55 },
  prices: { memoryMiB: 512, timeoutSeconds: 60 },
  migrate: { memoryMiB: 1024, timeoutSeconds: 600 },
} as const satisfies Record<string, Shape>;

export type FunctionName = keyof typeof FUNCTIONS;

export const FUNCTION_NAMES = Object.keys(FUNCTIONS) as readonly FunctionName[];

/** The Postgres role a function logs in as, e.g. `celeriac_dead_letters`; `migrate` creates it. */
export const databaseRole = (name: FunctionName) => `celeriac_${name.replaceAll('-', '_')}`;

/** One value for each function. */
export function mapFunctions<T>(of: (name: FunctionName) => T): Record<FunctionName, T> {
  return Object.fromEntries(FUNCTION_NAMES.map((name) => [name, of(name)])) as Record<FunctionName, T>;
}
