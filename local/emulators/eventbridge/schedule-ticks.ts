import type { Schedule } from './schedule-expression.ts';

/**
 * A tick that is at most this late still fires. An older tick counts as missed, for example while the machine was off.
 */
const LATE_MS = 5 * 60_000;

export interface ScheduleTicks {
  /**
   * Returns the ticks to fire now, oldest first. Returns each tick once: the next tick follows from the last tick and
   * not from the clock, so that an early or late check neither skips nor repeats a tick.
   */
  due(now: Date): Date[];
  /** Returns the time of the next tick, or undefined when there is none within five years. */
  next(): Date | undefined;
}

/**
 * Follows the ticks of a schedule by the wall clock. The latest tick before `start` is due at once.
 *
 * After a sleep of more than five minutes only the latest tick fires, as after a start. When the clock is set back by
 * more than a period, the ticks of the new clock fire, although some have the time of an earlier tick. A schedule that
 * waited for the clock to catch up would stand still.
 */
export function scheduleTicks(schedule: Schedule, start: Date): ScheduleTicks {
  const before = (tick: Date) => schedule.latest(new Date(tick.getTime() - 1));
  let next: Date | undefined = schedule.latest(start);
  let last = before(next);
  let previous = last;
  return {
    next: () => next,
    due(now) {
      if (now < previous) {
        next = schedule.latest(now);
        last = before(next);
        previous = last;
      }
      const ticks: Date[] = [];
      while (next && next <= now) {
        ticks.push(next);
        previous = last;
        last = next;
        next = schedule.next(next);
      }
      const newest = ticks.at(-1);
      return ticks.filter((tick) => tick === newest || now.getTime() - tick.getTime() <= LATE_MS);
    },
  };
}
