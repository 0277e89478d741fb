import { expect, test } from 'vitest';
import type { Task } from '../task.ts';
import { RunningAttempts } from './running-attempts.ts';

const task = (id: string, waitsForNetwork = false) => ({ id, attempt: 1, waitsForNetwork }) as Task;

/** Attempts that end when the test ends them. */
function controlled() {
  const runs = new Map<string, PromiseWithResolvers<void>>();
  const interrupts = new Map<string, AbortSignal>();
  const attempts = new RunningAttempts(({ id }, interrupt) => {
    const run = Promise.withResolvers<void>();
    runs.set(id, run);
    interrupts.set(id, interrupt);
    return run.promise;
  });
  return {
    attempts,
    interrupts,
    end: (id: string) => runs.get(id)?.resolve(),
    fail: (id: string) => runs.get(id)?.reject(new Error(id)),
  };
}

test('an attempt takes one of a hundred places until it has ended', async () => {
  const { attempts, end } = controlled();
  expect(attempts.freePlaces(false)).toBe(100);
  attempts.start(task('a'));
  expect([attempts.freePlaces(false), attempts.size, [...attempts.byId.keys()]]).toEqual([99, 1, ['a']]);
  end('a');
  await attempts.allEnded();
  expect([attempts.freePlaces(false), attempts.size, attempts.byId.size]).toEqual([100, 0, 0]);
});

test('an attempt that waits for the network takes a place of its own kind', async () => {
  const { attempts, end } = controlled();
  attempts.start(task('a', true));
  expect([attempts.freePlaces(false), attempts.freeNetworkPlaces]).toEqual([100, 99]);
  end('a');
  await attempts.allEnded();
  expect(attempts.freeNetworkPlaces).toBe(100);
});

test('an attempt that must run alone has a place only when nothing else runs', () => {
  const { attempts } = controlled();
  expect(attempts.freePlaces(true)).toBe(1);
  attempts.start(task('a', true));
  expect(attempts.freePlaces(true)).toBe(0);
});

test('the heartbeat finds an attempt by its task, and interrupts that attempt only', () => {
  const { attempts, interrupts } = controlled();
  for (const id of ['a', 'b']) attempts.start(task(id));
  const running = attempts.byId.get('a');
  expect(running).toMatchObject({ id: 'a', attempt: 1 });
  running?.interrupt.abort();
  expect([interrupts.get('a')?.aborted, interrupts.get('b')?.aborted]).toEqual([true, false]);
});

test('an invocation only waits for the network while nothing else runs in it', async () => {
  const { attempts, end } = controlled();
  expect(attempts.onlyWaitForNetwork).toBe(false);
  attempts.start(task('waits', true));
  expect(attempts.onlyWaitForNetwork).toBe(true);
  attempts.start(task('computes'));
  expect(attempts.onlyWaitForNetwork).toBe(false);
  end('computes');
  await expect.poll(() => attempts.onlyWaitForNetwork).toBe(true);
});

test('an outcome that could not be stored disturbs no other attempt, and its error is thrown at the end', async () => {
  const { attempts, end, fail } = controlled();
  for (const id of ['first', 'second', 'fine']) attempts.start(task(id));
  attempts.throwFailure();
  fail('first');
  await expect.poll(() => attempts.size).toBe(2);
  fail('second');
  end('fine');
  await attempts.allEnded();
  expect(() => attempts.throwFailure()).toThrow('first');
});
