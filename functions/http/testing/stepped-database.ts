import type { Database } from '../../database/connect.ts';

/** The statements and commits of one side of a race, counted; one of them can be held up. */
export class Steps {
  #next = 0;
  #heldAt = Number.POSITIVE_INFINITY;
  #held = Promise.withResolvers<void>();
  #released = Promise.withResolvers<void>();

  /** Counts from zero again, and holds up the step with this number. */
  holdAt(step: number): void {
    this.#next = 0;
    this.#heldAt = step;
    this.#held = Promise.withResolvers();
    this.#released = Promise.withResolvers();
  }

  /** Resolves when the side stands before the step that is held up. */
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

/** A query of postgres.js. `handler` sends it, once somebody awaits it; a fragment of another query is never sent. */
type Query = {
  handler: (query: Query) => unknown;
  resolve: (rows: unknown) => void;
  reject: (error: unknown) => void;
};

const isQuery = (made: unknown): made is Query =>
  made instanceof Promise && 'handler' in made && 'resolve' in made && 'reject' in made;

/**
 * The same connection, on which every statement and every commit is a step. A statement outside a transaction gets one of
 * its own, so that it can be held up between its execution and its commit as well.
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

/** The same, but for what becomes of each query that it makes, and for these members. */
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
