import { describe, expect, test } from 'vitest';
import { simulate } from './simulate.ts';

/** Faults that were found, and the seeds that show them. */
const FOUND: Record<string, readonly number[]> = {
  'a worker that had stood still started an attempt whose task had been taken back meanwhile': [
    2373, 2437, 3234, 3818,
  ],
};

/** For longer runs: `npm run simulate -- --seeds 100000`. */
const SEEDS = 2_000;
const AT_ONCE = 500;

describe('with random faults, no task is lost, early, doubled or started after its cancel', () => {
  for (let from = 1; from <= SEEDS; from += AT_ONCE) {
    test(`seeds from ${from} on`, { timeout: 120_000 }, async () => {
      for (let seed = from; seed < from + AT_ONCE; seed += 1) {
        const { faults } = await simulate(seed);
        expect(faults, `seed ${seed}`).toEqual([]);
      }
    });
  }
});

describe('faults that were found do not return', () => {
  for (const [what, seeds] of Object.entries(FOUND)) {
    test(what, async () => {
      for (const seed of seeds) expect((await simulate(seed)).faults, `seed ${seed}`).toEqual([]);
    });
  }
});

test('the same seed leads to the same', async () => {
  const [one, other] = [await simulate(7), await simulate(7)];
  expect(one.counts).toEqual(other.counts);
});
