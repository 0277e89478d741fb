import { expect, test } from 'vitest';
import { figure, ratio } from './figures.ts';

test('a figure has three digits, and no more than it needs', () => {
  expect([12_345.6, 999.9, 12.34, 0.04567, 7, 0].map(figure)).toEqual([
    '12,300',
    '1,000',
    '12.3',
    '0.0457',
    '7',
    '0',
  ]);
});

test('what was not measured is a dash, also in a ratio', () => {
  expect(figure(Number.NaN)).toBe('–');
  expect(ratio(Number.NaN, 4)).toBe('–');
  expect(ratio(4, 0)).toBe('–');
  expect(ratio(4, Number.NEGATIVE_INFINITY)).toBe('–');
  expect(ratio(1, 4)).toBe('0.25×');
});
