import { randomUUID } from 'node:crypto';
import { matchesPattern } from './event-pattern.ts';
import { ACCOUNT, REGION } from './physical.ts';
import { parseSchedule } from './schedule-expression.ts';
import type { RuleSpec } from './template.ts';

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
  /** Hands an event of a bus to the targets of every rule that it matches. */
  publish(bus: string, event: BusEvent): void;
  /** Fires every schedule with its latest tick, as one that was missed while nothing ran, and from then on in time. */
  startSchedules(): void;
  stop(): void;
}

/** The longest wait of a timer; a schedule that is further off is looked at again then. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The emulator of EventBridge's rules. */
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

  function waitForNext(rule: RuleSpec, expression: string): void {
    const next = parseSchedule(expression).next(new Date());
    if (!next) return;
    const wait = next.getTime() - Date.now();
    const timer = setTimeout(
      () => {
        // Timers may be a little early; a tick is never.
        if (Date.now() >= next.getTime()) fire(rule, scheduledEvent(rule, next));
        waitForNext(rule, expression);
      },
      Math.min(wait, MAX_TIMER_MS),
    );
    timers.set(rule, timer);
  }

  return {
    publish: (bus, event) => {
      for (const rule of rules) {
        if (rule.pattern && rule.bus === bus && matchesPattern(rule.pattern, event)) fire(rule, event);
      }
    },
    startSchedules: () => {
      for (const rule of rules) {
        if (!rule.schedule) continue;
        fire(rule, scheduledEvent(rule, parseSchedule(rule.schedule).latest(new Date())));
        waitForNext(rule, rule.schedule);
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

/** RFC 3339 in UTC without fractions, as EventBridge writes times. */
export function eventTime(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}
