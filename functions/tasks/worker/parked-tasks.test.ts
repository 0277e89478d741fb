import { beforeEach, expect, test } from 'vitest';
import { ParkedTasks } from './parked-tasks.ts';

let free: number;
let now: number;
let parked: ParkedTasks;
beforeEach(() => {
  [free, now] = [0, 0];
  parked = new ParkedTasks({ free: () => free }, () => now);
  for (const id of ['a', 'b', 'c']) parked.add(id);
});

test('as many tasks are claimable as runners are free, in their order', () => {
  expect(parked.takeClaimable()).toEqual([]);
  free = 2;
  expect(parked.takeClaimable()).toEqual(['a', 'b']);
  expect(parked.size).toBe(1);
});

test('after a claim that used no free runner, the next claim waits 50 ms', () => {
  free = 1;
  parked.claimEnded(1);
  now = 49;
  expect(parked.takeClaimable()).toEqual([]);
  now = 50;
  expect(parked.takeClaimable()).toEqual(['a']);
});

for (const [what, freeBefore, freeAfter] of [
  ['used a runner', 2, 1],
  ['left no runner free', 1, 0],
] as const) {
  test(`after a claim that ${what}, the next one waits for nothing but a free runner`, () => {
    free = freeAfter;
    parked.claimEnded(freeBefore);
    free = 1;
    expect(parked.takeClaimable()).toEqual(['a']);
  });
}

test('tasks are overdue when no runner has become free for more than 30 s', () => {
  now = 30_000;
  expect(parked.takeOverdue()).toEqual([]);
  now = 30_001;
  expect(parked.takeOverdue()).toEqual(['a', 'b', 'c']);
  expect(parked.size).toBe(0);
});

test('a runner that becomes free in between begins the 30 s anew', () => {
  [now, free] = [20_000, 1];
  parked.takeClaimable();
  [now, free] = [50_000, 0];
  expect(parked.takeOverdue()).toEqual([]);
});

test('the next look is soon when a runner is free, in a second when none is, and never when nothing is parked', () => {
  expect(parked.nextLookIn()).toBe(1_000);
  free = 1;
  expect(parked.nextLookIn()).toBe(50);
  parked.takeAll();
  expect(parked.nextLookIn()).toBeUndefined();
});
