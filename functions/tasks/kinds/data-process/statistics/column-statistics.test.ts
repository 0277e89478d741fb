import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Cell } from '../table/cell.ts';
import { instantOf } from '../table/cell-kind.ts';
import { ColumnProfile, valuesOf } from './column-profile.ts';
import { ColumnStatistics } from './column-statistics.ts';

/** @param typed true for JSON values, false for text */
function profileOf(cells: readonly Cell[], typed: boolean): ColumnProfile {
  const profile = new ColumnProfile(typed);
  for (const cell of cells) profile.add(cell);
  return profile;
}

function columnValues(cells: readonly Cell[], typed: boolean) {
  const { type } = profileOf(cells, typed);
  return { type, values: cells.map(valuesOf(type)) };
}

function summarizeColumn(name: string, cells: readonly Cell[], typed: boolean, isExact = true) {
  const profile = profileOf(cells, typed);
  const { type } = profile;
  const statistics = new ColumnStatistics({ name, type, profile }, isExact);
  for (const value of cells.map(valuesOf(type))) if (value !== null) statistics.add(value);
  return statistics.summary(cells.length);
}

const TEXT_TYPES: readonly (readonly [string, readonly string[]])[] = [
  ['empty', []],
  ['empty', ['', '  ']],
  ['integer', ['1', '-20', '0', '', ' 7 ', '9007199254740991']],
  ['number', ['1', '2.5', '-.5', '1e3', '3.']],
  ['boolean', ['true', 'FALSE', 'True']],
  ['date', ['2024-02-29', '2012/01/01', '']],
  ['datetime', ['2024-02-29T23:59', '2024-02-29 01:02:03.5+02:00', '2024-02-29', '2024-02-29T00:00:00Z']],
  [
    'string',
    ['a', 'true story', '1,000', '12%', 'NaN', 'Infinity', '1e999', '0x10', '2024-02-30', '29.02.2024'],
  ],
  ['string', ['00501', '10001']],
  ['string', ['Mount Hope', 'True']],
  ['string', ['9007199254740993', '1']],
  ['mixed', ['1', 'n/a']],
  ['mixed', ['true', '1']],
  ['mixed', ['2024-01-01', 'never']],
];

describe('the type of a column of text', () => {
  for (const [type, cells] of TEXT_TYPES) {
    test(`${JSON.stringify(cells)} is ${type}`, () => {
      expect(columnValues(cells, false).type).toBe(type);
    });
  }
});

const VALUE_TYPES = [
  ['integer', [1, null, -5]],
  ['number', [1, 2.5]],
  ['number', [1e300]],
  ['boolean', [true, false]],
  ['string', ['1', 'true']],
  ['date', ['2024-01-01', null]],
  ['mixed', [1, '1']],
  ['mixed', [0, false]],
  ['empty', [null, '']],
] as const;

describe('the type of a column of JSON values', () => {
  for (const [type, cells] of VALUE_TYPES) {
    test(`${JSON.stringify(cells)} is ${type}`, () => expect(columnValues(cells, true).type).toBe(type));
  }
});

test('integers beyond 2^53 in text keep every digit', () => {
  const summary = summarizeColumn('id', ['9007199254740993', '9007199254740992', '7'], false);
  expect(summary).toMatchObject({ type: 'string', distinct: 3, notes: [expect.stringContaining('2^53')] });
  expect(summary.most_frequent?.map(({ value }) => value)).toContain('9007199254740993');
});

test('integers beyond 2^53 in JSON are reported, as they may have been rounded before they came', () => {
  const summary = summarizeColumn('id', [JSON.parse('9007199254740993'), 1], true);
  expect(summary).toMatchObject({ type: 'number', notes: [expect.stringContaining('send them as strings')] });
});

test('a sum of integers beyond 2^53 says that it is rounded', () => {
  const summary = summarizeColumn('n', [Number.MAX_SAFE_INTEGER, 2], true);
  expect(summary).toMatchObject({ type: 'integer', notes: [expect.stringContaining('rounded')] });
});

test('a text is counted in characters, with its five most frequent values, ties in order', () => {
  const cells = ['b', 'a', '😀😀', 'b', 'c', 'd', 'e', 'é', null];
  expect(summarizeColumn('t', cells, true)).toEqual({
    name: 't',
    type: 'string',
    count: 8,
    missing: 1,
    distinct: 7,
    shortest: 1,
    longest: 2,
    most_frequent: [
      { value: 'b', count: 2 },
      { value: 'a', count: 1 },
      { value: 'c', count: 1 },
      { value: 'd', count: 1 },
      { value: 'e', count: 1 },
    ],
  });
});

test('a long value is cut, never through a character', () => {
  const [shown] = summarizeColumn('t', [`${'x'.repeat(99)}😀😀`], true).most_frequent ?? [];
  expect(shown?.value).toBe(`${'x'.repeat(99)}…`);
});

test('times are compared as moments, whatever their zone, and returned as written', () => {
  const cells = ['2024-01-01T00:30:00+02:00', '2023-12-31T23:00:00Z', '2024-01-01'];
  expect(summarizeColumn('t', cells, false)).toMatchObject({
    type: 'datetime',
    earliest: '2024-01-01T00:30:00+02:00',
    latest: '2024-01-01',
  });
});

test('a mixed column has the count of each type', () => {
  expect(summarizeColumn('m', ['1', '2', 'x', '2.5'], false)).toMatchObject({
    type: 'mixed',
    kinds: { integer: 2, number: 1, string: 1 },
  });
});

test('every moment that JavaScript writes is read as that moment', () => {
  const years = {
    min: new Date('0000-01-01T00:00:00Z'),
    max: new Date('9999-12-31T23:59:59.999Z'),
    noInvalidDate: true,
  };
  fc.assert(
    fc.property(fc.date(years), (date) => {
      expect(instantOf(date.toISOString())).toBeCloseTo(date.getTime(), 2);
      expect(columnValues([date.toISOString().slice(0, 10)], false).type).toBe('date');
    }),
  );
});

test('every number that JavaScript writes is read as that number', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
      const { type, values } = columnValues([String(number)], false);
      if (type === 'string') expect(Number.isInteger(number) && !Number.isSafeInteger(number)).toBe(true);
      else expect(values[0]).toBe(Object.is(number, -0) ? 0 : number);
    }),
  );
});
