import { setTimeout as sleep } from 'node:timers/promises';
import { isDataError } from '../../database/retry-on-connection-loss.ts';
import type { Outcome } from '../task.ts';

/** Seconds kept back, after which no further try is made to reach the database. */
const GIVE_UP_SECONDS = 2;
const LONGEST_PAUSE_SECONDS = 5;

export type OutcomeBatcherPorts<Row> = {
  /** Settles a batch in one statement. */
  write: (outcomes: readonly Outcome[]) => Promise<Row[]>;
  /** Told of each batch's rows. Must not wait for anything: the next batch would wait with it. */
  onSettled: (rows: Row[]) => void;
  /** Told of outcomes that the database refused for good; their tasks are taken back when their lease runs out. */
  onLost: (outcome: Outcome, error: unknown) => void;
  /** Of this invocation. */
  remainingSeconds: () => number;
};

/**
 * Settles outcomes together: those that arrive while a statement is under way share the next one.
 *
 * A database that cannot be reached is tried again until the invocation's time is up: repeating is harmless, as the
 * fence lets only the first one through. What the database refuses concerns its own task alone.
 */
export function outcomeBatcher<Row>(ports: OutcomeBatcherPorts<Row>): (outcome: Outcome) => Promise<void> {
  let gathering: { outcomes: Outcome[]; done: Promise<void> } | undefined;
  let last: Promise<void> = Promise.resolve();

  const flush = async (previous: Promise<void>, outcomes: Outcome[]): Promise<void> => {
    // A turn of the event loop: attempts that end together settle together.
    await Promise.all([previous.catch(() => {}), new Promise(setImmediate)]);
    gathering = undefined;
    ports.onSettled(await persist(ports, outcomes));
  };

  return (outcome) => {
    if (!gathering) {
      const outcomes: Outcome[] = [];
      last = flush(last, outcomes);
      gathering = { outcomes, done: last };
    }
    gathering.outcomes.push(outcome);
    return gathering.done;
  };
}

async function persist<Row>(ports: OutcomeBatcherPorts<Row>, outcomes: readonly Outcome[]): Promise<Row[]> {
  for (let pauseSeconds = 0.1; ; pauseSeconds = Math.min(LONGEST_PAUSE_SECONDS, pauseSeconds * 2)) {
    try {
      return await ports.write(outcomes);
    } catch (error) {
      if (isDataError(error)) return persistOneByOne(ports, outcomes, error);
      if (ports.remainingSeconds() < pauseSeconds + GIVE_UP_SECONDS) throw error;
      await sleep(pauseSeconds * 1000);
    }
  }
}

/** Finds the outcome that the database refuses, so that its neighbours are settled all the same. */
async function persistOneByOne<Row>(
  ports: OutcomeBatcherPorts<Row>,
  outcomes: readonly Outcome[],
  error: unknown,
): Promise<Row[]> {
  const [only] = outcomes;
  if (outcomes.length > 1) {
    const rows: Row[] = [];
    for (const outcome of outcomes) rows.push(...(await persist(ports, [outcome])));
    return rows;
  }
  if (!only) return [];
  if (only.kind !== 'complete') {
    ports.onLost(only, error);
    return [];
  }
  const message = 'The result cannot be stored as JSON by the database';
  const { id, attempt } = only;
  return persist(ports, [{ id, attempt, kind: 'fail', error: { code: 'result_not_storable', message } }]);
}
