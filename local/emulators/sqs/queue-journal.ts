import type { Fauxqs, Journal } from './fauxqs.ts';

export interface QueueJournal extends Journal {
  /** Resolves when all that was written until now survives the end of this process. */
  written(): Promise<void>;
}

/**
 * Opens the queues' journal. What is written in one turn of the event loop is one transaction: with many senders at
 * once, most of the work of each is shared. It is not forced to disk: it survives the end of this process, and a
 * message is only a wake-up.
 */
export function openJournal({ PersistenceManager }: Fauxqs, dataDir: string): QueueJournal {
  const journal = new PersistenceManager(dataDir);
  journal.db.exec('pragma synchronous = off');
  let gathering: Promise<void> | undefined;

  function end(): void {
    if (!gathering) return;
    gathering = undefined;
    journal.db.exec('commit');
  }

  /** `write`, as part of the transaction of this turn. */
  function gathered<Args extends unknown[]>(write: (...args: Args) => void): (...args: Args) => void {
    const bound = write.bind(journal);
    return (...args) => {
      if (!gathering) {
        journal.db.exec('begin');
        gathering = new Promise((resolve) => setImmediate(() => resolve(end())));
      }
      bound(...args);
    };
  }

  /** `work`, which makes a transaction of its own. */
  function apart<Args extends unknown[]>(work: (...args: Args) => void): (...args: Args) => void {
    const bound = work.bind(journal);
    return (...args) => {
      end();
      bound(...args);
    };
  }

  return Object.assign(journal, {
    insertMessage: gathered(journal.insertMessage),
    deleteMessage: gathered(journal.deleteMessage),
    updateMessageInflight: gathered(journal.updateMessageInflight),
    transaction: apart(journal.transaction),
    close: apart(journal.close),
    written: async () => gathering,
  });
}
