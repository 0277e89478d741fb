import type { Database } from './connect.ts';
import { isOfUselessConnection } from './error-code.ts';

/** Seconds that a replaced client gives to statements that are still under way. */
const GRACE_SECONDS = 1;

/** How to replace the client behind a database that follows the writer. */
const replacements = new WeakMap<Database, () => void>();

/**
 * A database whose client is replaced when its connection has become useless. The next statement opens a new connection, by the
 * name of the cluster, to the server that can write now. The statement that failed is not repeated here.
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

  /** Looks at what a statement or transaction ends with. The client may have been replaced since it began. */
  const watched = <T extends PromiseLike<unknown>>(promise: T): T => {
    const by = client;
    const { then } = promise;
    // A query of postgres.js begins when somebody waits for it. So it is watched when it is waited for, and not before.
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
      // Parts of statements are made by the same function, and are no promises.
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

/** Has the next statement use a new connection. */
export function replaceConnection(db: Database): void {
  replacements.get(db)?.();
}
