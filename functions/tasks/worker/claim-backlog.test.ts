import { afterEach, expect, test, vi } from 'vitest';
import { waitingTasks } from './claim-backlog.ts';

afterEach(() => void vi.useRealTimers());

for (const hours of [-1, 1]) {
  test(`a task waits for its time although the wall clock is moved by ${hours} h`, () => {
    vi.useFakeTimers({ toFake: ['Date', 'performance'] });
    const waiting = waitingTasks([]);
    waiting.putBack({ id: 'a', dueInSeconds: 2 });
    vi.setSystemTime(Date.now() + hours * 3_600_000);
    expect(waiting.take(1)).toEqual([]);
    expect(waiting.nextIn()).toBe(2_000);
  });
}
