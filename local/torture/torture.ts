/**
 * `npm run torture`: runs 50,000 tasks while workers are killed, connections are cut and the queue is lost, and then
 * checks every task. Exit code 1 means that a promise was broken.
 *
 *   npm run torture -- --tasks 2000 --seed 7
 *
 * The seed repeats the tasks and the faults, as far as the machine's timing allows it.
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { StartFailure } from '../process/start-failure.ts';
import { report } from './report.ts';
import { torture } from './run.ts';

const { values } = parseArgs({
  options: { tasks: { type: 'string', default: '50000' }, seed: { type: 'string' } },
});
const tasks = Number(values.tasks);
const seed = Number(values.seed ?? randomInt(2 ** 31));
if (!Number.isInteger(tasks) || tasks < 1 || !Number.isInteger(seed)) {
  console.error('usage: npm run torture -- [--tasks <number>] [--seed <number>]');
  process.exit(2);
}

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => interrupted.abort(new Error(`stopped by ${signal}`)));

console.log(`${tasks} tasks, seed ${seed}`);
try {
  const outcome = await torture({ tasks, seed, log: console.log, signal: interrupted.signal });
  console.log(`\n${report(outcome)}`);
  const isKept = [...outcome.violations.values()].every((cases) => cases.length === 0);
  console.log(isKept ? '\nEvery promise was kept.' : `\nPromises were broken. The seed was ${seed}.`);
  process.exitCode = isKept ? 0 : 1;
} catch (error) {
  console.error(error instanceof StartFailure ? error.message : error);
  process.exitCode = 1;
}
