import { afterEach, expect, test, vi } from 'vitest';
import { matchesPattern } from './event-pattern.ts';
import { type BusEvent, eventRules } from './event-rules.ts';
import { parseSchedule } from './schedule-expression.ts';

afterEach(() => {
  vi.useRealTimers();
});

for (const [expression, from, next] of [
  ['rate(1 minute)', '2026-01-01T00:00:30Z', '2026-01-01T00:01:00Z'],
  ['rate(5 minutes)', '2026-01-01T00:05:00Z', '2026-01-01T00:10:00Z'],
  ['rate(1 hour)', '2026-01-01T23:59:59Z', '2026-01-02T00:00:00Z'],
  ['cron(0 12 * * ? *)', '2026-01-01T12:00:00Z', '2026-01-02T12:00:00Z'],
  ['cron(0/15 8-9 ? * MON-FRI *)', '2026-01-02T09:46:00Z', '2026-01-05T08:00:00Z'],
  ['cron(30 0 29 FEB ? *)', '2026-01-01T00:00:00Z', '2028-02-29T00:30:00Z'],
] as const) {
  test(`after ${from}, ${expression} ticks at ${next}`, () => {
    expect(parseSchedule(expression).next(new Date(from))).toEqual(new Date(next));
    expect(parseSchedule(expression).latest(new Date(next))).toEqual(new Date(next));
  });
}

for (const expression of ['every minute', 'rate(1 fortnight)', 'cron(0 12 * *)', 'cron(61 * * * ? *)']) {
  test(`"${expression}" is refused`, () => expect(() => parseSchedule(expression)).toThrow());
}

test('a schedule fires its missed tick at the start, then on time, with the tick’s time in the event', () => {
  vi.useFakeTimers({ now: new Date('2026-01-01T00:00:30Z') });
  const delivered: [string, BusEvent][] = [];
  const rules = eventRules({
    rules: [{ name: 'tick', bus: 'default', schedule: 'rate(1 minute)', targets: [{ arn: 'a' }] }],
    deliver: (arn, payload) => delivered.push([arn, JSON.parse(payload)]),
    log: () => {},
  });
  rules.startSchedules();
  vi.advanceTimersByTime(95_000);
  rules.stop();
  vi.advanceTimersByTime(600_000);
  expect(delivered.map(([, event]) => event.time)).toEqual([
    '2026-01-01T00:00:00Z',
    '2026-01-01T00:01:00Z',
    '2026-01-01T00:02:00Z',
  ]);
  expect(delivered[0]).toEqual([
    'a',
    expect.objectContaining({
      version: '0',
      source: 'aws.events',
      'detail-type': 'Scheduled Event',
      resources: ['arn:aws:events:us-east-1:000000000000:rule/tick'],
      detail: {},
    }),
  ]);
});

test('an event goes to the targets of the rules of its bus that it matches', () => {
  const delivered: string[] = [];
  const rules = eventRules({
    rules: [
      {
        name: 'one',
        bus: 'mine',
        pattern: { source: ['celeriac'] },
        targets: [{ arn: 'a' }, { arn: 'b', input: '"fixed"' }],
      },
      { name: 'two', bus: 'mine', pattern: { source: ['other'] }, targets: [{ arn: 'c' }] },
      { name: 'three', bus: 'default', pattern: { source: ['celeriac'] }, targets: [{ arn: 'd' }] },
    ],
    deliver: (arn, payload) => delivered.push(`${arn} ${payload.slice(0, 7)}`),
    log: () => {},
  });
  rules.publish('mine', { source: 'celeriac' } as BusEvent);
  expect(delivered).toEqual(['a {"sourc', 'b "fixed"']);
});

const EVENT = { source: 'celeriac', detail: { kind: 'http.request', attempt: 2, tags: ['a', 'b'] } };
for (const [pattern, matches] of [
  [{ source: ['celeriac', 'x'] }, true],
  [{ detail: { attempt: [2] } }, true],
  [{ detail: { attempt: ['2'] } }, false],
  [{ detail: { tags: ['b'] } }, true],
  [{ detail: { kind: [{ prefix: 'http.' }] } }, true],
  [{ detail: { kind: [{ 'anything-but': ['http.request'] }] } }, false],
  [{ detail: { missing: [{ exists: false }] } }, true],
  [{ detail: { deep: { er: ['x'] } } }, false],
] as const) {
  test(`${JSON.stringify(pattern)} ${matches ? 'matches' : 'does not match'}`, () => {
    expect(matchesPattern(pattern, EVENT)).toBe(matches);
  });
}
