import { describe, expect, test } from 'vitest';
import { total } from './bill.ts';
import { idleCapacity, idleUsage } from './idle.ts';
import { inventoryOf } from './inventory.ts';

describe('the capacity of an idle database', () => {
  test('is its minimum, however rare requests are', () => {
    expect(idleCapacity(0.5, [60, 300])).toBe(0.5);
    expect(idleCapacity(2, [86_400])).toBe(2);
  });

  test.each([60, 299, 300])('with a minimum of 0 is never 0 under a tick every %i seconds', (seconds) => {
    expect(idleCapacity(0, [seconds, 3600])).toBe(0.5);
  });

  test('with a minimum of 0 is less the longer it may sleep between ticks, and 0 without any', () => {
    expect(idleCapacity(0, [900])).toBeCloseTo(0.5 / 3, 9);
    expect(idleCapacity(0, [])).toBe(0);
  });
});

test('a stage without resources costs nothing but the storage that a database has at least', () => {
  const { auroraGbMonths, ...rest } = idleUsage(inventoryOf([]));
  expect(auroraGbMonths).toBeGreaterThan(0);
  expect(total(rest, { region: 'us-east-1', freeTier: false })).toBe(0);
});

test('a polled queue costs 657,000 requests a month without a single message', () => {
  const usage = idleUsage({ ...inventoryOf([]), polledQueues: 1 });
  expect(usage.sqsRequests).toBe(5 * 3 * 60 * 730);
});
