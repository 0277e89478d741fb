import type { Database } from '../database/connect.ts';
import type { Log } from './attempt.ts';
import type { Announce } from './change.ts';
import type { PublishFinished } from './execute.ts';
import * as store from './store.ts';
import type { DispatchSettings, Enqueue, Task, Watched } from './task.ts';
import { wakeUps } from './wake-ups.ts';

/**
 * After this many attempts the next message is left to the dispatcher: a worker that wakes itself in a chain is cut off
 * by Lambda's loop detection after about 16 messages.
 */
const LONGEST_CHAIN = 12;

export type AftermathDeps = {
  db: Database;
  enqueue: Enqueue;
  dispatch: DispatchSettings;
  announce: Announce;
  publishFinished: PublishFinished;
  log: Log;
};

/**
 * What follows from settled rows, beside the work: watchers hear, retries get their message, integrators their event.
 * None of it can fail or delay a task; what it does not achieve, the dispatcher makes good.
 */
export function aftermath(deps: AftermathDeps) {
  const finished: Task[] = [];
  const sending = new Set<Promise<void>>();

  const wakeRetries = async (retries: readonly store.Timed<Task>[]): Promise<void> => {
    try {
      const chained = retries.filter((task) => task.attempt < LONGEST_CHAIN);
      const unsent = chained.length > 0 ? await deps.enqueue(wakeUps(chained)) : [];
      const tooLong = retries.filter((task) => task.attempt >= LONGEST_CHAIN).map((task) => task.id);
      const left = [...unsent, ...tooLong];
      if (left.length > 0) await store.dispatchAgain(deps.db, left);
    } catch (error) {
      deps.log('warn', 'retries could not be sent; the dispatcher will, later', { error });
    }
  };

  return {
    /** Takes note of settled rows and returns at once. */
    follow(moved: readonly store.Timed<Watched<Task>>[]): void {
      deps.announce(moved);
      finished.push(...moved.filter((task) => task.status !== 'SCHEDULED'));
      const retries = moved.filter(
        (task) => task.status === 'SCHEDULED' && task.dueInSeconds <= deps.dispatch.lookaheadSeconds,
      );
      if (retries.length === 0) return;
      const sent = wakeRetries(retries).then(() => void sending.delete(sent));
      sending.add(sent);
    },
    /** Resolves when all of it was done or given up. Never rejects. */
    async end(): Promise<void> {
      await Promise.all(sending);
      if (finished.length === 0) return;
      await deps
        .publishFinished(finished)
        .catch((error: unknown) => deps.log('warn', 'events could not be published', { error }));
    },
  };
}
