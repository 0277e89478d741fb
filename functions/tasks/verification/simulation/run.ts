import { setImmediate } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { simulate } from './simulate.ts';

/*
 * `npm run simulate -- --seeds 100000 --from 1` runs any number of seeds. It prints every fault with its seed. Add the seed to
 * simulation.test.ts once the engine is mended.
 */
const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '10000' }, from: { type: 'string', default: '1' } },
});
const first = Number(values.from);
const counts = new Map<string, number>();
const failing: number[] = [];
let running = first;
process.on('unhandledRejection', (error) => {
  console.log(`seed ${running}: nobody handles ${error}\n`);
  failing.push(running);
});
for (let seed = first; seed < first + Number(values.seeds); seed += 1) {
  running = seed;
  const simulated = await simulate(seed);
  // Node reports an unhandled rejection between two macrotasks. Wait for it here, while the seed is known.
  await setImmediate();
  for (const [what, times] of simulated.counts) counts.set(what, (counts.get(what) ?? 0) + times);
  if (simulated.faults.length === 0) continue;
  failing.push(seed);
  console.log(`seed ${seed}: ${simulated.faults.join('\n')}\n`);
}
for (const [what, times] of [...counts].toSorted(([, one], [, other]) => other - one))
  console.log(`${String(times).padStart(10)} ${what}`);
console.log(`${values.seeds} seeds, ${failing.length} failing${failing.map((seed) => ` ${seed}`).join('')}`);
if (failing.length > 0) process.exitCode = 1;
