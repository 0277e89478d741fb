import { setTimeout as sleep } from 'node:timers/promises';
import { isDataError } from '../../database/retry-on-connection-loss.ts';
import type { Outcome } from '../task.ts';

/** Seconds before the end of the invocation after which the database is not tried again. */
const GIVE_UP_SECONDS = 2;
const LONGEST_PAUSE_SECONDS = 5;

export type OutcomeBatcherPorts<Row> = {
  /** Settles a batch in one statement. */
  write: (outcomes: readonly Outcome[]) => Promise<Row[]>;
  /** Called with each batch's rows. It must not wait, because the next batch would wait with it. */
  onSettled: (rows: Row[]) => void;
  /** Called with outcomes that the database refused for good. Their tasks are rescued when the lease expires. */
  onLost: (outcome: Outcome, error: unknown) => void;
  /** Remaining seconds of this invocation. */
  remainingSeconds: () => number;
};

/**
 * Settles outcomes in batches: outcomes that arrive during a statement share the next one.
 *
 * An unreachable database is tried again until the invocation's time is up. Repeating is harmless, because the fence lets only
 * the first try through. An outcome that the database refuses concerns only its own task.
 */
export function outcomeBatcher<Row>(ports: OutcomeBatcherPorts<Row>): (outcome: Outcome) => Promise<void> {
  let gathering: { outcomes: Outcome[]; done: Promise<void> } | undefined;
  let last: Promise<void> = Promise.resolve();

  const flush = async (previous: Promise<void>, outcomes: Outcome[]): Promise<void> => {
    // Wait for a turn of the event loop, so that attempts that end together settle together.
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

/**
 * Settles outcomes one by one, so that an outcome that the database refuses does not affect the others. A refused result becomes
 * a failure.
 */
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
