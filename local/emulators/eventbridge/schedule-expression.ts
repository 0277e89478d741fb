const UNIT_MS: Record<string, number> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/** Names of months and days. EventBridge's cron counts both from 1; Sunday is 1. */
const NAMES = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

/** The fields of `cron(…)` in order, with their bounds and a function that reads the field from a time in UTC. */
const CRON_FIELDS: readonly { min: number; max: number; names?: string[]; of: (time: Date) => number }[] = [
  { min: 0, max: 59, of: (time) => time.getUTCMinutes() },
  { min: 0, max: 23, of: (time) => time.getUTCHours() },
  { min: 1, max: 31, of: (time) => time.getUTCDate() },
  { min: 1, max: 12, names: NAMES, of: (time) => time.getUTCMonth() + 1 },
  { min: 1, max: 7, names: DAYS, of: (time) => time.getUTCDay() + 1 },
  { min: 1970, max: 2199, of: (time) => time.getUTCFullYear() },
];

const MINUTE_MS = 60_000;
const SEARCH_DAYS = 366 * 5;

export interface Schedule {
  /** Returns the first tick after `time`, or undefined when there is none within five years. */
  next(time: Date): Date | undefined;
  /** Returns the last tick at or before `time`, or the epoch when there is none within five years. */
  latest(time: Date): Date;
}

/**
 * Parses `rate(5 minutes)` or `cron(0 12 * * ? *)`. Rates tick at multiples of their period since the epoch, so that a
 * five-minute rule fires at :00, :05, … Cron supports `*`, `?`, lists, ranges, steps and names, but not `L`, `W` and
 * `#`.
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
  const fields = /^cron\((.+)\)$/.exec(expression)?.[1]?.trim().split(/\s+/) ?? [];
  if (fields.length !== CRON_FIELDS.length) throw new Error(`${expression} is not a schedule expression`);
  const allowed = fields.map((field, index) => valuesOf(field, index));
  const matches = (time: Date) => CRON_FIELDS.every(({ of }, index) => allowed[index]?.has(of(time)));
  const search = (from: Date, step: 1 | -1) => {
    const end = SEARCH_DAYS * 24 * 60;
    for (let minute = 0, at = from.getTime(); minute < end; minute++, at += step * MINUTE_MS) {
      const time = new Date(at);
      if (matches(time)) return time;
    }
    return undefined;
  };
  const floor = (time: Date) => new Date(Math.floor(time.getTime() / MINUTE_MS) * MINUTE_MS);
  return {
    next: (time) => search(new Date(floor(time).getTime() + MINUTE_MS), 1),
    latest: (time) => search(floor(time), -1) ?? new Date(0),
  };
}

/** Returns the values that one field of a cron expression allows. */
function valuesOf(field: string, index: number): Set<number> {
  const { min, max, names = [] } = CRON_FIELDS[index] ?? { min: 0, max: 0 };
  const number = (text: string) => {
    const named = names.indexOf(text.toUpperCase());
    const value = named >= 0 ? named + 1 : Number(text);
    if (!Number.isInteger(value) || value < min || value > max)
      throw new Error(`"${field}" is not a cron field`);
    return value;
  };
  const values = new Set<number>();
  for (const part of field.split(',')) {
    const [range = '', step = '1'] = part.split('/');
    const isAny = range === '*' || range === '?';
    const [from, to] = isAny ? [min, max] : range.split('-').map(number);
    const last = to ?? (part.includes('/') ? max : from);
    for (let value = from ?? min; value <= (last ?? max); value += Math.max(1, Number(step)))
      values.add(value);
  }
  return values;
}
