import { expect, test } from 'vitest';
import { MESSAGE_BURST, MESSAGES_PER_SECOND, messageRate } from './message-rate.ts';

const verdicts = (rate: ReturnType<typeof messageRate>, count: number, connection = 'c') =>
  new Set(Array.from({ length: count }, () => rate(connection)));

test('a burst is allowed, one more message exceeds the rate and ends the connection', () => {
  const rate = messageRate(() => 0);
  expect(verdicts(rate, MESSAGE_BURST)).toEqual(new Set(['within']));
  expect([rate('c'), rate('c'), rate('c')]).toEqual(['exceeded', 'ended', 'ended']);
  expect(rate('another')).toBe('within');
});

test('a connection may send so many messages a second for ever, and not one more', () => {
  let now = 0;
  const rate = messageRate(() => now);
  verdicts(rate, MESSAGE_BURST);
  for (let second = 0; second < 100; second += 1) {
    now += 1_000;
    expect(verdicts(rate, MESSAGES_PER_SECOND)).toEqual(new Set(['within']));
  }
  // A fraction of a refilled message is not enough.
  now += 999 / MESSAGES_PER_SECOND;
  expect(rate('c')).toBe('exceeded');
});

test('after a pause, one burst is allowed, and no more', () => {
  let now = 0;
  const rate = messageRate(() => now);
  verdicts(rate, MESSAGE_BURST);
  now += 3_600_000;
  expect(verdicts(rate, MESSAGE_BURST)).toEqual(new Set(['within']));
  expect(rate('c')).toBe('exceeded');
});

test('a clock that is set back changes nothing', () => {
  let now = 1_000_000;
  const rate = messageRate(() => now);
  verdicts(rate, MESSAGE_BURST - 1);
  now = 0;
  expect([rate('c'), rate('c')]).toEqual(['within', 'exceeded']);
});

test('a flood is not forgotten among thousands of other connections', () => {
  let now = 0;
  const rate = messageRate(() => now);
  verdicts(rate, MESSAGE_BURST + 1);
  for (let n = 0; n < 5_000; n += 1) {
    now += 1;
    rate(`other ${n}`);
  }
  expect(rate('c')).toBe('ended');
});
