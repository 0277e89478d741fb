import { beforeEach, expect, test } from 'vitest';
import { ParkedTasks } from './parked-tasks.ts';

/** When the tasks were parked. */
const BEGAN = 100_000;

let free: number;
let now: number;
let parked: ParkedTasks;
beforeEach(() => {
  [free, now] = [0, BEGAN];
  parked = new ParkedTasks({ free: () => free }, () => now);
  for (const id of ['a', 'b', 'c']) parked.add(id);
});

test('free runners decide how many tasks are claimable, in their order', () => {
  expect(parked.takeClaimable()).toEqual([]);
  free = 2;
  expect(parked.takeClaimable()).toEqual(['a', 'b']);
  expect(parked.size).toBe(1);
});

test('after a claim that used no free runner, the next claim waits 50 ms', () => {
  free = 1;
  parked.claimEnded(1);
  now = BEGAN + 49;
  expect(parked.takeClaimable()).toEqual([]);
  now = BEGAN + 50;
  expect(parked.takeClaimable()).toEqual(['a']);
});

for (const [what, freeBefore, freeAfter] of [
  ['used a runner', 2, 1],
  ['left no runner free', 1, 0],
  ['began without a free runner', 0, 0],
] as const) {
  test(`after a claim that ${what}, the next one only waits for a free runner`, () => {
    // The claim before had to wait.
    free = 1;
    parked.claimEnded(1);
    free = freeAfter;
    parked.claimEnded(freeBefore);
    free = 1;
    expect(parked.takeClaimable()).toEqual(['a']);
  });
}

test('tasks are overdue when no runner has become free for more than 30 s', () => {
  now = BEGAN + 29_000;
  expect(parked.takeClaimable()).toEqual([]);
  now = BEGAN + 30_000;
  expect(parked.takeOverdue()).toEqual([]);
  now = BEGAN + 30_001;
  expect(parked.takeOverdue()).toEqual(['a', 'b', 'c']);
  expect(parked.size).toBe(0);
});

test('a runner that becomes free in between restarts the 30 s', () => {
  [now, free] = [BEGAN + 20_000, 1];
  parked.takeClaimable();
  [now, free] = [BEGAN + 50_000, 0];
  expect(parked.takeOverdue()).toEqual([]);
});

test('the next look is soon when a runner is free, in a second when none is, and never when nothing is parked', () => {
  expect(parked.nextLookIn()).toBe(1_000);
  free = 1;
  expect(parked.nextLookIn()).toBe(50);
  parked.takeAll();
  expect(parked.nextLookIn()).toBeUndefined();
});
