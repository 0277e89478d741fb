import { afterEach, expect, test, vi } from 'vitest';
import { claimBacklog } from './claim-backlog.ts';

afterEach(() => void vi.useRealTimers());

for (const hours of [-1, 1]) {
  test(`a task waits for its time although the wall clock is moved by ${hours} h`, () => {
    vi.useFakeTimers({ toFake: ['Date', 'performance'] });
    const backlog = claimBacklog();
    backlog.putBack({ id: 'a', dueInSeconds: 2 });
    vi.setSystemTime(Date.now() + hours * 3_600_000);
    expect(backlog.take(1)).toEqual([]);
    expect(backlog.nextIn()).toBe(2_000);
  });
}

test('a task that is added twice is taken once, in the order of adding', () => {
  const backlog = claimBacklog(() => 0);
  backlog.add(['a', 'b', 'a']);
  backlog.add(['b', 'c']);
  expect(backlog.take(2)).toEqual(['a', 'b']);
  expect(backlog.take(9)).toEqual(['c']);
  expect(backlog.nextIn()).toBeUndefined();
});

test('a task whose row is locked is claimed again after growing pauses, and finally given up', () => {
  let now = 0;
  const backlog = claimBacklog(() => now);
  backlog.add(['a']);
  const pauses: (number | undefined)[] = [];
  for (let pause: number | undefined = 0; pause !== undefined; ) {
    now += pause;
    expect(backlog.take(1)).toEqual(['a']);
    backlog.putBack({ id: 'a', dueInSeconds: 0 });
    pause = backlog.nextIn();
    pauses.push(pause);
  }
  expect(pauses).toEqual([5, 10, 20, 50, 100, 250, 500, 1_000, 2_000, 4_000, 8_000, undefined]);
});

test('a task is never claimed before its time, and its wait for it does not count as a try', () => {
  let now = 0;
  const backlog = claimBacklog(() => now);
  backlog.add(['a', 'later']);
  backlog.take(2);
  backlog.putBack({ id: 'later', dueInSeconds: 60 });
  backlog.putBack({ id: 'a', dueInSeconds: 0.0101 });
  expect(backlog.nextIn()).toBe(11);
  now = 10.5;
  expect(backlog.take(2)).toEqual([]);
  now = 20;
  expect(backlog.nextIn()).toBe(0);
  expect(backlog.take(2)).toEqual(['a']);
  backlog.putBack({ id: 'a', dueInSeconds: 0 });
  expect(backlog.nextIn()).toBe(5);
});

test('a task that is added while it waits for its time keeps waiting', () => {
  const backlog = claimBacklog(() => 0);
  backlog.putBack({ id: 'a', dueInSeconds: 60 });
  backlog.add(['a']);
  expect(backlog.take(1)).toEqual([]);
});

test('draining takes tasks that cannot be claimed yet, too', () => {
  const backlog = claimBacklog(() => 0);
  backlog.add(['a']);
  backlog.putBack({ id: 'b', dueInSeconds: 60 });
  expect(backlog.drain()).toEqual(['a', 'b']);
  expect(backlog.drain()).toEqual([]);
});
