import fc from 'fast-check';
import { afterAll, beforeAll, test } from 'vitest';
import { type DatabaseFixture, databaseFixture } from '../../../database/testing/database-fixture.ts';
import { STEPS } from './commands.ts';
import { type Connections, System } from './system.ts';

/** For more and longer runs: `FC_RUNS=10000 npm test -- functions/tasks/verification/model`. */
const RUNS = Number(process.env.FC_RUNS ?? 12);
/** Seconds on a busy machine. */
const SECONDS_PER_RUN = 10;

let on: DatabaseFixture;
let connections: Connections;
beforeAll(async () => {
  on = await databaseFixture();
  connections = [on.as('api'), on.as('worker'), on.as('dispatcher')];
});
afterAll(() => on.close());

test('for any sequence of commands, the statements change the rows as the model does', {
  timeout: RUNS * SECONDS_PER_RUN * 1000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.commands(STEPS, { maxCommands: 200, size: 'max' }), async (steps) => {
      const system = await System.empty(on, connections);
      await fc.asyncModelRun(() => ({ model: {}, real: system }), steps);
    }),
    // Stops in time to report a failure, instead of looking for the shortest way to it.
    { numRuns: RUNS, interruptAfterTimeLimit: RUNS * SECONDS_PER_RUN * 900 },
  );
});
