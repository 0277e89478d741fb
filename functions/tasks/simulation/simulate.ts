import { TERMINAL } from '../task.ts';
import { startClients } from './client.ts';
import { databaseOf } from './database.ts';
import { fakeTime } from './fake-time.ts';
import { type Stage, startFunctions } from './functions.ts';
import { SimulatedQueue } from './queue.ts';
import { Witness } from './witness.ts';
import { worldOf } from './world.ts';

/** So long everything may go wrong. */
const STORM_SECONDS = 900;

/** So long, after that, until all must have come to rest: what SQS hides comes back, what was lost is sent again. */
const PATIENCE_SECONDS = 2 * 86_400;

/** What came of a simulation. */
export type Simulated = {
  /** What must not have happened, each with the history of its task. */
  faults: string[];
  tasks: number;
  starts: number;
};

/**
 * Runs the engine through fifteen minutes in which everything goes wrong that a seed can think of, and on until all is
 * done. The same seed leads to the same.
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
  };
  startFunctions(stage);
  startClients(stage);
  const { model } = stage.database;
  const done = (status: string) => (TERMINAL as readonly string[]).includes(status);
  const undelivered = () => stage.queues.interactive.size + stage.queues.bulk.size + deadLetters.size;
  const rested = () =>
    clock.now > (STORM_SECONDS + 1_200) * 1000 &&
    undelivered() === 0 &&
    [...model.rows.values()].every(({ status }) => done(status));
  const over = () => rested() || clock.now > (STORM_SECONDS + PATIENCE_SECONDS) * 1000;
  await world.run(over);
  for (const row of model.rows.values()) witness.ended(row, model.ledger.get(row.id) ?? []);
  if (undelivered() > 0) witness.faults.push(`${undelivered()} messages are never delivered`);
  return { faults: witness.faults, tasks: model.rows.size, starts: witness.starts };
}
