import { expect, test } from 'vitest';
import { retryAfterSeconds } from './retry-after.ts';

const now = new Date('2026-03-01T12:00:00Z');

const CASES: readonly (readonly [string | undefined, number, string])[] = [
  [undefined, 0, 'no header'],
  ['120', 120, 'seconds'],
  [' 7 ', 7, 'seconds between blanks'],
  ['0', 0, 'no seconds'],
  ['999999999999999999999', 86_400, 'more than a day'],
  ['Sun, 01 Mar 2026 12:02:00 GMT', 120, 'a date'],
  ['Sunday, 01-Mar-26 12:02:00 GMT', 120, 'a date as RFC 850 wrote it'],
  ['Sun Mar  1 12:02:00 2026 GMT', 120, 'a date as C writes it'],
  ['Sun, 01 Mar 2026 11:00:00 GMT', 0, 'a date that is past'],
  ['Sun, 01 Mar 2099 11:00:00 GMT', 86_400, 'a date far away'],
  ['-5', 0, 'a negative number'],
  ['1.5', 0, 'a fraction'],
  ['soon', 0, 'a word'],
];

for (const [header, seconds, what] of CASES) {
  test(`${what} means ${seconds} seconds`, () => {
    expect(retryAfterSeconds(header, now)).toBe(seconds);
  });
}
