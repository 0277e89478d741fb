import type { Database } from '../../../database/connect.ts';
import type { RescueStatements } from '../../dispatcher/rescue.ts';
import type { TickStatements } from '../../dispatcher/tick.ts';
import type { WorkStatements } from '../../worker/worker.ts';
import { TaskModel } from '../model/model.ts';
import type { Moved } from '../model/model-rows.ts';
import type { Row } from '../model/row.ts';
import type { Sandbox } from './clock.ts';
import { WAITS, type World } from './world.ts';

/** The server ends a transaction that is idle for so long. */
const IDLE_IN_TRANSACTION_SECONDS = 10;

/** An open transaction. Its changes are locked, and are undone unless it commits. */
class Transaction {
  readonly before = new Map<string, Row>();
  open = true;
  uses = 0;
}

export type SimulatedDatabase = ReturnType<typeof databaseOf>;

/** Makes the model look like the engine's database: behind a connection that may fail. */
export function databaseOf(world: World, moved: Moved) {
  const { clock, random, faults } = world;
  const open = new Set<Transaction>();
  /** The transaction of the present statement; undefined for a statement on its own. */
  let current: Transaction | undefined;

  const lockedByOther = (id: string): boolean =>
    [...open].some((transaction) => transaction !== current && transaction.before.has(id));
  const model = new TaskModel({
    now: () => new Date(clock.now),
    random: random.next,
    isLocked: (id) => lockedByOther(id) || random.chance(faults().locked),
    moved,
  });

  const end = (transaction: Transaction): void => {
    transaction.open = false;
    open.delete(transaction);
  };
  const rollBack = (transaction: Transaction): void => {
    if (!transaction.open) return;
    for (const row of transaction.before.values()) model.put(row);
    end(transaction);
  };

  /**
   * Sends a statement from a sandbox.
   *
   * @param on its transaction, or the connection
   * @param waitsFor rows that the statement does not skip when another transaction has them locked
   */
  const statement = <T>(
    sandbox: Sandbox,
    effect: () => T,
    { on, waitsFor = [] }: { on?: unknown; waitsFor?: readonly string[] } = {},
  ): Promise<T> => {
    const transaction = on instanceof Transaction ? on : undefined;
    const answer = world.request(sandbox, () => {
      if (transaction && !transaction.open) throw new Error('The transaction is gone');
      current = transaction;
      try {
        if (waitsFor.some(lockedByOther)) throw WAITS;
        if (!transaction) return effect();
        const before = new Map(model.rows);
        const result = effect();
        for (const [id, row] of before) {
          if (model.rows.get(id) !== row && !transaction.before.has(id)) transaction.before.set(id, row);
        }
        transaction.uses += 1;
        const { uses } = transaction;
        clock.after(IDLE_IN_TRANSACTION_SECONDS * 1000, undefined, () => {
          if (transaction.uses === uses) rollBack(transaction);
        });
        return result;
      } finally {
        current = undefined;
      }
    });
    // A connection that fails takes its transaction along.
    return transaction
      ? answer.catch((error: unknown) => {
          rollBack(transaction);
          throw error;
        })
      : answer;
  };

  return {
    model,
    statement,

    /** Opens a connection. The functions use only its transactions. */
    connect(sandbox: Sandbox): Database {
      const begin = async <T>(work: (tx: Transaction) => Promise<T>): Promise<T> => {
        const transaction = new Transaction();
        await world.request(sandbox, () => open.add(transaction));
        world.whenEnded(sandbox, () => rollBack(transaction));
        try {
          const result = await work(transaction);
          await statement(sandbox, () => end(transaction), { on: transaction });
          return result;
        } catch (error) {
          rollBack(transaction);
          throw error;
        }
      };
      return { begin } as unknown as Database;
    },

    /** The engine's statements, sent from a sandbox. */
    statementsOf(sandbox: Sandbox): WorkStatements & TickStatements & RescueStatements {
      const send = <T>(on: unknown, effect: () => T) => statement(sandbox, effect, { on });
      return {
        claim: (db, given) => send(db, () => model.claim(given)),
        settle: (db, ...given) => send(db, () => model.settle(...given)),
        report: (db, ...given) => send(db, () => model.report(...given)),
        release: (db, { ids, limit, dispatch }) => send(db, () => model.release(ids, limit, dispatch)),
        renew: (db, ...given) => send(db, () => model.renew(...given)),
        rescue: (db, ...given) => send(db, () => model.rescue(...given)),
        takeForDispatch: (db, ...given) => send(db, () => model.takeForDispatch(...given)),
        heldLanes: (db, ...given) => send(db, () => model.heldLanes(...given)),
        releaseHeld: (tx, ...given) => send(tx, () => model.releaseHeld(...given)),
        dispatchAgain: (db, ...given) => send(db, () => model.dispatchAgain(...given)),
      };
    },
  };
}
