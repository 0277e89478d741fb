import { describe, expect, test } from 'vitest';
import { simulate } from './simulate.ts';

/** Seeds that have found something, and what it was. */
const FOUND: Record<number, string> = {
  1107: 'a worker that had stood still started an attempt whose task had been rescued and run elsewhere meanwhile',
  1136: 'the same, after one rescue',
  2799: 'the same, of a task that its first worker had taken down',
};

/** For longer: `npm run simulate -- --seeds 100000`. */
const SEEDS = 1_000;
const AT_ONCE = 250;

describe('through every fault that a seed can think of, no task is lost, early, doubled or started after its cancel', () => {
  for (let from = 1; from <= SEEDS; from += AT_ONCE) {
    test(`seeds from ${from} on`, { timeout: 120_000 }, async () => {
      for (let seed = from; seed < from + AT_ONCE; seed += 1) {
        const { faults } = await simulate(seed);
        expect(faults, `seed ${seed}`).toEqual([]);
      }
    });
  }
});

describe('what a seed has found once is not there any more', () => {
  for (const [seed, what] of Object.entries(FOUND)) {
    test(`seed ${seed}: ${what}`, async () => {
      expect((await simulate(Number(seed))).faults).toEqual([]);
    });
  }
});

test('the same seed leads to the same', async () => {
  const [one, other] = [await simulate(7), await simulate(7)];
  expect(one.counts).toEqual(other.counts);
});
