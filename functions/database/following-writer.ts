import type { Database } from './connect.ts';
import { isOfUselessConnection } from './error-code.ts';

/** Seconds that a replaced client gives to statements that still run. */
const GRACE_SECONDS = 1;

/** The function that replaces the client, for each database that follows the writer. */
const replacements = new WeakMap<Database, () => void>();

/**
 * Returns a database that replaces its client when the connection has become useless. The next statement opens a new connection
 * to the server that can write now, by the name of the cluster. The failed statement is not repeated here.
 *
 * @param open makes a client; nothing is sent before the first statement
 */
export function followingWriter(open: () => Database): Database {
  let client = open();

  const replace = (): void => {
    const useless = client;
    client = open();
    void useless.end({ timeout: GRACE_SECONDS });
  };

  /** Checks the error of a statement or transaction. The client may have been replaced since the statement began. */
  const watched = <T extends PromiseLike<unknown>>(promise: T): T => {
    const by = client;
    const { then } = promise;
    // A query of postgres.js begins when a caller awaits it. Hook into `then`, so that the check does not start the query.
    const watchedThen: PromiseLike<unknown>['then'] = (done, failed) =>
      then.call(promise, done, (error: unknown) => {
        if (client === by && isOfUselessConnection(error)) replace();
        if (failed) return failed(error);
        throw error;
      }) as ReturnType<typeof then<never, never>>;
    // biome-ignore lint/suspicious/noThenProperty: it is a promise
    return Object.assign(promise, { then: watchedThen });
  };

  const database = new Proxy(client, {
    apply: (_first, _this, args: Parameters<Database>) => {
      const made: unknown = Reflect.apply(client, undefined, args);
      // The same function makes fragments of statements, and these are no promises.
      return made instanceof Promise ? watched(made) : made;
    },
    get: (_first, key) => {
      if (key === 'unsafe')
        return (...args: Parameters<Database['unsafe']>) => watched(client.unsafe(...args));
      if (key === 'begin') return (...args: [never]) => watched(client.begin(...args));
      return Reflect.get(client, key);
    },
  });
  replacements.set(database, replace);
  return database;
}

/** Makes the next statement use a new connection. */
export function replaceConnection(db: Database): void {
  replacements.get(db)?.();
}
