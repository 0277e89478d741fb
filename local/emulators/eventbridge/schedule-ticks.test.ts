import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type BusEvent, eventRules } from './event-rules.ts';

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const START = Date.parse('2026-01-01T00:00:30Z');
const MINUTE = 60_000;

/**
 * Runs a schedule on fake timers. The wall clock lags behind the timers: each reading of the clock uses the next of
 * `lags`, in milliseconds. The clock never runs backwards.
 */
function running(schedule: string, lags: readonly number[] = [0]) {
  vi.useFakeTimers({ now: START });
  const TimersDate = Date;
  let reading = 0;
  let latest = 0;
  let shift = 0;
  const now = () => {
    const lag = lags[reading++ % lags.length] ?? 0;
    latest = Math.max(latest, TimersDate.now() + shift - lag);
    return latest;
  };
  const WallDate = new Proxy(TimersDate, {
    construct: (target, given, newTarget) =>
      Reflect.construct(target, given.length === 0 ? [now()] : given, newTarget),
    get: (target, name, receiver) => (name === 'now' ? now : Reflect.get(target, name, receiver)),
  });
  vi.stubGlobal('Date', WallDate);
  const times: string[] = [];
  const rules = eventRules({
    rules: [{ name: 'tick', bus: 'default', schedule, targets: [{ arn: 'a' }] }],
    deliver: (_arn, payload) => times.push((JSON.parse(payload) as BusEvent).time.slice(11, 16)),
    log: () => {},
  });
  rules.startSchedules();
  return {
    times,
    advance: (milliseconds: number) => vi.advanceTimersByTime(milliseconds),
    /** Moves the clock without the timers. */
    setClock(milliseconds: number) {
      shift += milliseconds;
      latest = 0;
    },
    stop() {
      rules.stop();
      vi.unstubAllGlobals();
      vi.useRealTimers();
    },
  };
}

test('every tick fires exactly once, however early timers are by the clock', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 40 }), (lags) => {
      const on = running('rate(1 minute)', lags);
      on.advance(10 * MINUTE);
      on.stop();
      expect(on.times).toEqual([
        ...['00:00', '00:01', '00:02', '00:03', '00:04', '00:05'],
        ...['00:06', '00:07', '00:08', '00:09', '00:10'],
      ]);
    }),
  );
});

test('a timer that is late by two ticks fires both, oldest first', () => {
  const on = running('rate(1 minute)');
  on.setClock(2 * MINUTE);
  on.advance(MINUTE);
  on.stop();
  expect(on.times).toEqual(['00:00', '00:01', '00:02', '00:03']);
});

test('after a sleep of hours only the latest tick fires, and the next ones in time', () => {
  const on = running('rate(5 minutes)');
  on.setClock(8 * 60 * MINUTE);
  on.advance(5 * MINUTE);
  on.stop();
  expect(on.times).toEqual(['00:00', '08:00', '08:05']);
});

test('a schedule of hours notices within half a minute that the machine slept', () => {
  const on = running('rate(1 hour)');
  on.setClock(60 * MINUTE);
  on.advance(MINUTE / 2);
  on.stop();
  expect(on.times).toEqual(['00:00', '01:00']);
});

describe('when the clock is set back', () => {
  test('by a moment, no tick fires twice', () => {
    const on = running('rate(1 minute)');
    on.advance(MINUTE / 2);
    on.setClock(-200);
    on.advance(2 * MINUTE);
    on.stop();
    expect(on.times).toEqual(['00:00', '00:01', '00:02']);
  });

  test('by hours, the schedule follows the new clock and does not stand still', () => {
    const on = running('rate(1 minute)');
    on.advance(MINUTE);
    on.setClock(-3 * 60 * MINUTE);
    on.advance(2 * MINUTE);
    on.stop();
    expect(on.times).toEqual(['00:00', '00:01', '21:02', '21:03']);
  });
});
