import { expect, test } from 'vitest';
import { count, dollars, words } from './markdown.ts';

test.each([
  [undefined, ''],
  [0, '$0.00'],
  [0.001, '<$0.01'],
  [43.8, '$43.80'],
  [1234.5, '$1,235'],
])('%s dollars are written %s', (usd, text) => {
  expect(dollars(usd)).toBe(text);
});

test.each([
  [0, '0'],
  [730, '730'],
  [52_560, '52.6 k'],
  [1_971_000, '1.97 M'],
  [2e9, '2 G'],
])('a count of %i is written %s', (amount, text) => {
  expect(count(amount)).toBe(text);
});

test('names become words, with the usual spelling of units', () => {
  expect(words('logKbPerInvocation')).toBe('log KB per invocation');
  expect(words('requestsByNat')).toBe('requests by NAT');
});
