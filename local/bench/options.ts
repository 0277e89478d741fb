import { parseArgs } from 'node:util';
import { FULL, QUICK, type Scale } from './report/finding.ts';

export interface Options {
  readonly scale: Scale;
  /** Names or prefixes of the measured systems and parts. Empty means everything. */
  readonly only: readonly string[];
  /** Minutes after which no further part begins. */
  readonly minutes: number;
  /** True when docs/benchmarks.md is rewritten: only by a whole run. */
  readonly isWhole: boolean;
}

export const USAGE = `npm run bench -- [--quick] [--only name,name…] [--rounds n] [--tasks n] [--minutes n]

  --quick    small numbers, for a trial; docs/benchmarks.md is not changed
  --only     only the systems and parts of the budget table whose names begin so; docs/benchmarks.md is not changed
  --rounds   rounds in which each system is measured (${FULL.rounds})
  --tasks    tasks of one bulk load (${FULL.tasks})
  --minutes  minutes after which no further part begins (25)`;

/** Parses the command line. @throws when an option is unknown or not a positive whole number */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      rounds: { type: 'string' },
      tasks: { type: 'string' },
      minutes: { type: 'string', default: '25' },
    },
  });
  const scale = values.quick ? QUICK : FULL;
  const only = values.only.split(',').filter((name) => name !== '');
  return {
    scale: {
      ...scale,
      rounds: positive('rounds', values.rounds, scale.rounds),
      tasks: positive('tasks', values.tasks, scale.tasks),
    },
    only,
    minutes: positive('minutes', values.minutes, 25),
    isWhole: !values.quick && only.length === 0,
  };
}

function positive(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`--${name} must be a whole number above 0, not "${text}"`);
  return value;
}
