import { Cron, type CronOptions } from 'croner';

const UNIT_MS: Record<string, number> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/** EventBridge's cron: in UTC, Sunday is 1, `0/15` is a step, and a year is the last field. */
const CRON: CronOptions = {
  timezone: 'UTC',
  alternativeWeekdays: true,
  sloppyRanges: true,
  mode: '7-part',
};

export interface Schedule {
  /** Returns the first tick after `time`, or undefined when there is none. */
  next(time: Date): Date | undefined;
  /** Returns the last tick at or before `time`, or the epoch when there is none. */
  latest(time: Date): Date;
}

/**
 * Parses `rate(5 minutes)` or `cron(0 12 * * ? *)`. Rates tick at multiples of their period since the epoch, so that a
 * five-minute rule fires at :00, :05, …
 *
 * @throws when the expression is neither
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
 */
export function parseSchedule(expression: string): Schedule {
  const [, amount, unit] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(expression) ?? [];
  if (amount && unit) {
    const period = Number(amount) * (UNIT_MS[unit] ?? 0);
    const floor = (time: Date) => Math.floor(time.getTime() / period) * period;
    return { next: (time) => new Date(floor(time) + period), latest: (time) => new Date(floor(time)) };
  }
  const fields = /^cron\((.+)\)$/.exec(expression)?.[1];
  if (fields === undefined) throw new Error(`${expression} is not a schedule expression`);
  // The library's first field is the second.
  const cron = new Cron(`0 ${fields}`, CRON);
  return {
    next: (time) => cron.nextRun(time) ?? undefined,
    // A tick at `time` itself counts: it is before the next second.
    latest: (time) => cron.previousRuns(1, new Date(time.getTime() + 1000))[0] ?? new Date(0),
  };
}
