import { TERMINAL } from '../../task.ts';
import { CALMING_SECONDS, startClients } from './client.ts';
import { databaseOf } from './database.ts';
import { fakeTime } from './fake-time.ts';
import { type Stage, startFunctions } from './functions.ts';
import { SimulatedQueue } from './queue.ts';
import { Witness } from './witness.ts';
import { worldOf } from './world.ts';

/** Seconds in which faults happen. */
const STORM_SECONDS = 900;

/** Seconds after the storm within which everything must come to rest. Lost messages are sent again, later each time. */
const SETTLING_SECONDS = 2 * 86_400;

/** Longest lateness of a start when nothing goes wrong. */
const PUNCTUAL_SECONDS = 0.5;

/** Result of a simulation. */
export type Simulated = {
  /** Violations, each with the history of its task. */
  faults: string[];
  /** How often each thing happened. */
  counts: ReadonlyMap<string, number>;
};

/**
 * Runs the engine through fifteen minutes with all the faults that the seed chooses, and on until everything is done. Equal seeds
 * give equal runs.
 */
export async function simulate(seed: number): Promise<Simulated> {
  const time = fakeTime();
  try {
    return await run(seed);
  } finally {
    time.end();
  }
}

async function run(seed: number): Promise<Simulated> {
  const world = worldOf(seed, STORM_SECONDS * 1000);
  const { clock, random } = world;
  const witness = new Witness(() => clock.now);
  const deadLetters = new SimulatedQueue(world, 360);
  const visibilitySeconds = random.pick([60, 5_400]);
  let ids = 0;
  const stage: Stage = {
    world,
    database: databaseOf(world, (move, before, after) => witness.moved(move, before, after)),
    queues: {
      interactive: new SimulatedQueue(world, visibilitySeconds, deadLetters),
      bulk: new SimulatedQueue(world, visibilitySeconds, deadLetters),
    },
    deadLetters,
    dispatch: { lookaheadSeconds: 180, resendSeconds: 300 },
    leaseSeconds: random.pick([10, 60]),
    witness,
    nextId() {
      ids += 1;
      return `00000000-0000-7000-8000-${String(ids).padStart(12, '0')}`;
    },
  };
  startFunctions(stage);
  const undisturbed = startClients(stage);

  const { rows, ledger } = stage.database.model;
  const unconsumed = () => stage.queues.interactive.size + stage.queues.bulk.size + deadLetters.size;
  const atRest = () =>
    unconsumed() === 0 &&
    [...rows.values()].every(({ status }) => (TERMINAL as readonly string[]).includes(status));
  const created = (STORM_SECONDS + CALMING_SECONDS + 60) * 1000;
  const latest = (STORM_SECONDS + SETTLING_SECONDS) * 1000;
  await world.run(() => clock.now > latest || (clock.now > created && atRest()));

  for (const row of rows.values()) witness.ended(row, ledger.get(row.id) ?? []);
  for (const [id, how] of undisturbed)
    witness.fair(id, how === 'once' ? Number.POSITIVE_INFINITY : PUNCTUAL_SECONDS);
  if (unconsumed() > 0) witness.faults.push(`${unconsumed()} messages are never done with`);
  return { faults: witness.faults, counts: witness.counts };
}
