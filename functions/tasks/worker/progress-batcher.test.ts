import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { handlerOutput } from '../handler-output.ts';
import { progressBatcher } from './progress-batcher.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => vi.useRealTimers());

/** Lets fake time pass: only the timers', not the machine's. */
const pass = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds);

type Reports = Parameters<Parameters<typeof progressBatcher>[0]>[0];

/** A progress batcher that records what it would write. */
function recording(write: () => Promise<void> = async () => {}) {
  const statements: Reports[] = [];
  const reports = progressBatcher(async (written) => {
    statements.push(written);
    await write();
  });
  const attempt = (id: string) => {
    const { add, end } = reports.start({ id, attempt: 1 });
    return { ...handlerOutput(add), end };
  };
  return { statements, attempt, stop: reports.stop };
}

test('many reports of many attempts become few statements, each with the latest reports', async () => {
  const { statements, attempt, stop } = recording();
  const attempts = [attempt('a'), attempt('b')];
  for (let i = 1; i <= 60; i += 1) {
    for (const each of attempts) each.progress(i / 100);
    await pass(10);
  }
  await pass(250);
  await stop();
  expect(statements).toHaveLength(3);
  expect(statements.at(-1)?.[0]?.progress?.fraction).toBe(0.6);
  for (const written of statements) expect(written.map(({ id }) => id)).toEqual(['a', 'b']);
});

test('a report shortly before the end is stored with the outcome, and costs no statement', async () => {
  const { statements, attempt, stop } = recording();
  const short = attempt('a');
  short.progress(1, 'done');
  short.log('info', 'quick');
  expect(short.end()).toMatchObject({ progress: { note: 'done' }, logs: [{ message: 'quick' }] });
  short.progress(0.5, 'from beyond');
  await pass(400);
  await stop();
  expect(statements).toEqual([]);
});

test('an attempt that has reported everything still has everything in its outcome', async () => {
  const { statements, attempt, stop } = recording();
  const long = attempt('a');
  long.log('info', 'one');
  await pass(249);
  expect(statements).toEqual([]);
  await pass(1);
  expect(statements).toHaveLength(1);
  // It is written only once.
  await pass(400);
  expect(statements).toHaveLength(1);
  expect(long.end()).toMatchObject({ logs: [{ message: 'one' }] });
  await stop();
});

test('a report during a statement is stored by the next one', async () => {
  let [underWay, most] = [0, 0];
  const ends: (() => void)[] = [];
  const { statements, attempt, stop } = recording(async () => {
    underWay += 1;
    most = Math.max(most, underWay);
    await new Promise<void>((resolve) => ends.push(resolve));
    underWay -= 1;
  });
  const long = attempt('a');
  long.log('info', 'one');
  await pass(250);
  expect(statements).toHaveLength(1);
  long.log('info', 'two');
  await pass(400);
  expect(statements).toHaveLength(1);
  ends.shift()?.();
  await pass(250);
  expect(statements).toHaveLength(2);
  expect(statements[1]).toMatchObject([{ logs: [{ message: 'one' }, { message: 'two' }] }]);
  let stopped = false;
  const stopping = stop().then(() => {
    stopped = true;
  });
  await pass(50);
  expect(stopped).toBe(false);
  ends.shift()?.();
  await stopping;
  expect(most).toBe(1);
});

test('nothing is written after the end of the invocation', async () => {
  const { statements, attempt, stop } = recording();
  attempt('a').log('info', 'one');
  await stop();
  await pass(400);
  expect(statements).toEqual([]);
});

test('an unreachable database loses only the report', async () => {
  let tries = 0;
  const { statements, attempt, stop } = recording(async () => {
    tries += 1;
    if (tries === 1) throw new Error('away');
  });
  const long = attempt('a');
  long.log('info', 'one');
  await pass(250);
  expect(statements).toHaveLength(1);
  long.log('info', 'two');
  await pass(250);
  expect(statements).toHaveLength(2);
  expect(statements[1]?.[0]?.logs).toHaveLength(2);
  await stop();
});
