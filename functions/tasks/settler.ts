import { setTimeout as sleep } from 'node:timers/promises';
import type { Outcome } from './task.ts';

/** Seconds kept back, after which no further try is made to reach the database. */
const GIVE_UP_SECONDS = 2;
const LONGEST_PAUSE_SECONDS = 5;

/**
 * Settles outcomes together: those that arrive while a statement is under way share the next one.
 *
 * A database that cannot be reached is tried again until the invocation's time is up: repeating is harmless, as the
 * fence lets only the first one through. Data that the database refuses fails that task alone.
 *
 * @param write            settles a batch in one statement
 * @param afterwards       runs with the rows of each batch, before its callers go on
 * @param remainingSeconds of this invocation
 */
export function settler<Row>(
  write: (outcomes: readonly Outcome[]) => Promise<Row[]>,
  afterwards: (rows: Row[]) => Promise<void>,
  remainingSeconds: () => number,
): (outcome: Outcome) => Promise<void> {
  let gathering: { outcomes: Outcome[]; done: Promise<void> } | undefined;
  let last: Promise<void> = Promise.resolve();

  const flush = async (outcomes: readonly Outcome[]) => {
    await afterwards(await persist(outcomes));
  };

  const persist = async (outcomes: readonly Outcome[]): Promise<Row[]> => {
    for (let pauseSeconds = 0.1; ; pauseSeconds = Math.min(LONGEST_PAUSE_SECONDS, pauseSeconds * 2)) {
      try {
        return await write(outcomes);
      } catch (error) {
        if (isDataException(error)) return refuseUnstorable(outcomes, error);
        if (remainingSeconds() < pauseSeconds + GIVE_UP_SECONDS) throw error;
        await sleep(pauseSeconds * 1000);
      }
    }
  };

  const refuseUnstorable = async (outcomes: readonly Outcome[], error: unknown): Promise<Row[]> => {
    const [only] = outcomes;
    if (outcomes.length > 1) {
      const rows: Row[] = [];
      for (const outcome of outcomes) rows.push(...(await persist([outcome])));
      return rows;
    }
    if (only?.kind !== 'complete') throw error;
    const message = 'The result cannot be stored as JSON by the database';
    return persist([
      { id: only.id, attempt: only.attempt, kind: 'fail', error: { code: 'result_not_storable', message } },
    ]);
  };

  return (outcome) => {
    if (!gathering) {
      const outcomes: Outcome[] = [];
      const previous = last;
      const done = (async () => {
        // A turn of the event loop: attempts that end together settle together.
        await Promise.all([previous.catch(() => {}), new Promise(setImmediate)]);
        gathering = undefined;
        await flush(outcomes);
      })();
      gathering = { outcomes, done };
      last = done;
    }
    gathering.outcomes.push(outcome);
    return gathering.done;
  };
}

/** SQLSTATE class 22: what was given, and not the database's state, is the trouble. */
function isDataException(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^22...$/.test(code);
}
