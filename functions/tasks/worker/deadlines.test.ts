import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { AttemptAborted } from '../attempt-aborted.ts';
import { attemptClock } from './deadlines.ts';

const LONG = { softSeconds: 60, hardSeconds: 90 };
const SHORT = { softSeconds: 0.05, hardSeconds: 0.1 };
const CANCELLED = new AttemptAborted('cancelled', 'Cancelled');

test('limits count from the start, and not while an attempt waits for it', async () => {
  const clock = attemptClock(SHORT, new AbortController().signal);
  await sleep(200);
  expect([clock.signal.aborted, clock.end.aborted]).toEqual([false, false]);
  clock.start();
  await expect.poll(() => clock.end.aborted).toBe(true);
  expect(clock.signal.reason).toMatchObject({ code: 'soft_limit_exceeded' });
  expect(clock.end.reason).toMatchObject({ code: 'hard_limit_exceeded' });
});

test('an interrupt tells the handler to stop at once, and ends it when it has not stopped after a while', async () => {
  const interrupt = new AbortController();
  const clock = attemptClock(LONG, interrupt.signal, 0.1);
  clock.start();
  interrupt.abort(CANCELLED);
  expect([clock.signal.reason, clock.end.aborted]).toEqual([CANCELLED, false]);
  await expect.poll(() => clock.end.reason).toBe(CANCELLED);
});

test('an interrupt after the soft limit still ends the handler', async () => {
  const interrupt = new AbortController();
  const clock = attemptClock({ softSeconds: 0.02, hardSeconds: 90 }, interrupt.signal, 0.02);
  clock.start();
  await expect.poll(() => clock.signal.aborted).toBe(true);
  interrupt.abort(CANCELLED);
  await expect.poll(() => clock.end.reason).toBe(CANCELLED);
});

test('a deadline that was interrupted before it was created is aborted at once', () => {
  const clock = attemptClock(LONG, AbortSignal.abort(CANCELLED));
  expect(clock.signal.reason).toBe(CANCELLED);
  clock.stop();
});

test('after its stop, nothing aborts', async () => {
  const interrupt = new AbortController();
  const clock = attemptClock(SHORT, interrupt.signal, 0.01);
  clock.start();
  clock.stop();
  interrupt.abort(CANCELLED);
  await sleep(200);
  expect([clock.signal.aborted, clock.end.aborted]).toEqual([false, false]);
});
