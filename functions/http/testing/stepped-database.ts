import type { Database } from '../../database/connect.ts';

/** Counts the statements and commits of one side of a race, and can hold one of them. */
export class Steps {
  #next = 0;
  #heldAt = Number.POSITIVE_INFINITY;
  #held = Promise.withResolvers<void>();
  #released = Promise.withResolvers<void>();

  /** Counts from zero again, and holds the step with this number. */
  holdAt(step: number): void {
    this.#next = 0;
    this.#heldAt = step;
    this.#held = Promise.withResolvers();
    this.#released = Promise.withResolvers();
  }

  /** Resolves when the side has reached the held step. */
  get held(): Promise<void> {
    return this.#held.promise;
  }

  release(): void {
    this.#heldAt = Number.POSITIVE_INFINITY;
    this.#released.resolve();
  }

  async pass(): Promise<void> {
    if (this.#next++ < this.#heldAt) return;
    this.#held.resolve();
    await this.#released.promise;
  }
}

/** A query of postgres.js. `handler` sends it when it is awaited. A fragment of another query is never sent. */
type Query = {
  handler: (query: Query) => unknown;
  resolve: (rows: unknown) => void;
  reject: (error: unknown) => void;
};

const isQuery = (made: unknown): made is Query =>
  made instanceof Promise && 'handler' in made && 'resolve' in made && 'reject' in made;

/**
 * Returns the connection with every statement and every commit as a step. A statement outside a transaction gets a
 * transaction of its own, so that it can also be held between its execution and its commit.
 */
export function steppedDatabase(db: Database, steps: Steps): Database {
  return intercepted(
    db,
    (query) => {
      query.handler = () => {
        const { resolve, reject } = query;
        const run = db.begin(async (tx) => {
          await steps.pass();
          const rows = await new Promise((done, failed) => {
            Object.assign(query, { resolve: done, reject: failed });
            handlerOf(tx as unknown as Database)(query);
          });
          await steps.pass();
          return { rows };
        });
        run.then(({ rows }) => resolve(rows), reject);
      };
    },
    {
      begin: async (work: (tx: Database) => Promise<unknown>) => {
        const { result } = (await db.begin(async (tx) => {
          const made = await work(steppedTransaction(tx as unknown as Database, steps));
          await steps.pass();
          return { result: made };
        })) as { result: unknown };
        return result;
      },
    },
  );
}

function steppedTransaction(tx: Database, steps: Steps): Database {
  return intercepted(tx, (query) => {
    const { handler } = query;
    query.handler = async () => {
      await steps.pass();
      return handler(query);
    };
  });
}

const handlerOf = (on: Database): Query['handler'] => (on`` as unknown as Query).handler;

/** Returns the connection with other `members`. Calls `change` with each query that the connection makes. */
function intercepted(on: Database, change: (query: Query) => void, members: object = {}): Database {
  const changed = (made: unknown) => {
    if (isQuery(made)) change(made);
    return made;
  };
  return new Proxy(on, {
    apply: (target, self, given) => changed(Reflect.apply(target, self, given)),
    get(target, name) {
      if (name in members) return Reflect.get(members, name);
      if (name === 'unsafe')
        return (...given: Parameters<Database['unsafe']>) => changed(target.unsafe(...given));
      return Reflect.get(target, name);
    },
  });
}
