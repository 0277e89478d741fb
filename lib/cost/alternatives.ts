import { HOURS, type Terms, times, total, type Usage } from './bill.ts';
import type { Source } from './sources.ts';

const MILLION = 1e6;

/** The user's own handler, where a service only calls it: 20 ms of a 512 MiB function, with its log lines. */
const HANDLER: Usage = {
  lambdaRequests: 1,
  lambdaGbSeconds: 0.02 * 0.5,
  logGb: 1.5 / MILLION,
};

/** A machine that is always on, with its address and disk. */
const SMALL_INSTANCE: Usage = { smallInstanceHours: HOURS, publicIpHours: HOURS, diskGbMonths: 20 };

export type Alternative = {
  name: string;
  source: Source;
  /** What is priced, and what it lacks beside ours. */
  means: string;
  /** US dollars of a month with so many tasks. */
  monthly: (tasks: number, terms: Terms) => number;
};

/** Price by bands: each takes up to `upTo` units (of all) at `usd` per million; the last one takes the rest. */
export function banded(units: number, bands: readonly (readonly [upTo: number, usd: number])[]): number {
  let from = 0;
  let sum = 0;
  for (const [upTo, usd] of bands) {
    sum += (Math.max(0, Math.min(units, upTo) - from) / MILLION) * usd;
    from = upTo;
  }
  return sum;
}

const handlers = (tasks: number, terms: Terms) => total(times(HANDLER, tasks), terms);

export const ALTERNATIVES: readonly Alternative[] = [
  {
    name: 'QStash',
    source: 'upstash',
    means:
      'pay as you go, 1 message per task, and your own handler on Lambda. No row per task, no batches in one statement; SLA and encryption at rest are a pack of $200 more',
    monthly: (tasks, terms) => (tasks / 100_000) * 1 + handlers(tasks, terms),
  },
  {
    name: 'Cloud Tasks',
    source: 'google',
    means:
      '2 operations per task (create, push), and your own handler (priced as on Lambda). No results, no history, 30 days ahead at most',
    monthly: (tasks, terms) =>
      banded(Math.max(0, 2 * tasks - (terms.freeTier ? MILLION : 0)), [[Number.POSITIVE_INFINITY, 0.4]]) +
      handlers(tasks, terms),
  },
  {
    name: 'EventBridge Scheduler + Step Functions',
    source: 'aws-sfn',
    means:
      'one schedule and a Standard workflow of one step (2 transitions) per task, and your own handler. History for 90 days, no tenants',
    monthly: (tasks, terms) =>
      total({ schedulerCalls: tasks, stateTransitions: 2 * tasks }, terms) + handlers(tasks, terms),
  },
  {
    name: 'Trigger.dev',
    source: 'trigger-dev',
    means:
      'Pro ($50, which includes $50 of use), micro machine for 40 ms. Compute included; its dashboard and retries are richer than ours',
    monthly: (tasks) => Math.max(50, tasks * 0.000025 + tasks * 0.04 * 0.0000169),
  },
  {
    name: 'Inngest',
    source: 'inngest',
    means:
      'Pro ($75 with 1 M executions, then $50 per million; the price beyond 5 M is not known and taken as the same), functions without steps, and your own handler',
    monthly: (tasks, terms) =>
      75 +
      banded(tasks, [
        [MILLION, 0],
        [Number.POSITIVE_INFINITY, 50],
      ]) +
      handlers(tasks, terms),
  },
  {
    name: 'Temporal Cloud',
    source: 'temporal',
    means:
      'Essentials (the greater of $100 and 5 % of use, 1 M actions included), 2 actions per task, and one t4g.small as worker. Whole workflows, which ours are not',
    monthly: (tasks, terms) => {
      const use = banded(Math.max(0, 2 * tasks - MILLION), [
        [5 * MILLION, 50],
        [10 * MILLION, 45],
        [20 * MILLION, 40],
        [50 * MILLION, 35],
        [100 * MILLION, 30],
        [Number.POSITIVE_INFINITY, 25],
      ]);
      return Math.max(100, 0.05 * use) + use + total(SMALL_INSTANCE, terms);
    },
  },
  {
    name: 'Celery, a pair of instances',
    source: 'list-us-1',
    means:
      '2 × t4g.small, Redis, RDS db.t4g.small in one zone, load balancer: flat until the machines are full (not modelled), and somebody patches them',
    monthly: (_, terms) =>
      total(
        {
          smallInstanceHours: 2 * HOURS,
          // Two machines, and the balancer in two zones.
          publicIpHours: 4 * HOURS,
          diskGbMonths: 40,
          redisHours: HOURS,
          rdsHours: HOURS,
          rdsGbMonths: 20,
          balancerHours: HOURS,
          balancerUnitHours: HOURS,
        },
        terms,
      ),
  },
];

/** A number of tasks a month at which the cheaper of two changes. */
export type Crossing = { tasks: number; cheaperAbove: 'first' | 'second' };

/**
 * Where two monthly bills cross, between `from` and `to` tasks a month. Looks at a hundred places per decade: two
 * crossings that are closer than that are missed.
 */
export function crossings(
  first: (tasks: number) => number,
  second: (tasks: number) => number,
  { from = 1_000, to = 1e9 } = {},
): Crossing[] {
  const lead = (tasks: number) => Math.sign(second(tasks) - first(tasks));
  const found: Crossing[] = [];
  const step = 10 ** 0.01;
  for (let low = from; low < to; low *= step) {
    const high = Math.min(to, low * step);
    if (lead(low) === lead(high) || lead(high) === 0) continue;
    found.push({ tasks: between(lead, low, high), cheaperAbove: lead(high) > 0 ? 'first' : 'second' });
  }
  return found;
}

function between(lead: (tasks: number) => number, low: number, high: number): number {
  for (let i = 0; i < 40; i += 1) {
    const middle = (low + high) / 2;
    if (lead(middle) === lead(high)) high = middle;
    else low = middle;
  }
  return high;
}
