import { randomUUID } from 'node:crypto';
import type { RuleSpec } from '../../template/deployment.ts';
import { ACCOUNT, REGION } from '../../template/physical.ts';
import { matchesPattern } from './event-pattern.ts';
import { parseSchedule } from './schedule-expression.ts';
import { scheduleTicks } from './schedule-ticks.ts';

/** An event as its targets receive it. */
export interface BusEvent {
  readonly version: '0';
  readonly id: string;
  readonly 'detail-type': string;
  readonly source: string;
  readonly account: string;
  /** RFC 3339 in UTC, whole seconds. */
  readonly time: string;
  readonly region: string;
  readonly resources: readonly string[];
  readonly detail: unknown;
}

export interface EventRules {
  /** Hands an event of a bus to the targets of every matching rule. */
  publish(bus: string, event: BusEvent): void;
  /**
   * Fires the latest tick of every schedule, which was missed while nothing ran. From then on fires every tick once.
   */
  startSchedules(): void;
  stop(): void;
}

/** Longest time between two checks of the clock. Timers do not notice a changed clock or a sleeping machine. */
const LONGEST_WAIT_MS = 30_000;

/** Emulates EventBridge's rules. */
export function eventRules(options: {
  rules: readonly RuleSpec[];
  /** Delivers a payload to the function or queue with this ARN. */
  deliver: (targetArn: string, payload: string) => void;
  log: (line: string) => void;
}): EventRules {
  const { rules, deliver, log } = options;
  const timers = new Map<RuleSpec, NodeJS.Timeout>();

  function fire(rule: RuleSpec, event: BusEvent): void {
    for (const { arn, input } of rule.targets) {
      try {
        deliver(arn, input ?? JSON.stringify(event));
      } catch (error) {
        log(`rule ${rule.name} cannot reach ${arn}: ${error instanceof Error ? error.message : error}`);
      }
    }
  }

  function start(rule: RuleSpec, expression: string): void {
    const ticks = scheduleTicks(parseSchedule(expression), new Date());
    const look = () => {
      for (const tick of ticks.due(new Date())) fire(rule, scheduledEvent(rule, tick));
      const next = ticks.next();
      if (!next) return;
      // A timer that fires early finds nothing due and waits again.
      const wait = Math.min(Math.max(0, next.getTime() - Date.now()), LONGEST_WAIT_MS);
      timers.set(rule, setTimeout(look, wait));
    };
    look();
  }

  return {
    publish: (bus, event) => {
      for (const rule of rules) {
        if (rule.pattern && rule.bus === bus && matchesPattern(rule.pattern, event)) fire(rule, event);
      }
    },
    startSchedules: () => {
      for (const rule of rules) {
        if (rule.schedule) start(rule, rule.schedule);
      }
    },
    stop: () => {
      for (const timer of timers.values()) clearTimeout(timer);
    },
  };
}

function scheduledEvent(rule: RuleSpec, time: Date): BusEvent {
  return {
    version: '0',
    id: randomUUID(),
    'detail-type': 'Scheduled Event',
    source: 'aws.events',
    account: ACCOUNT,
    time: eventTime(time),
    region: REGION,
    resources: [`arn:aws:events:${REGION}:${ACCOUNT}:rule/${rule.name}`],
    detail: {},
  };
}

/** Formats a time as RFC 3339 in UTC without fractions, like EventBridge. */
export function eventTime(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}
