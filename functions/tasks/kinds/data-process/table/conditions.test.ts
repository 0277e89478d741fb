import { describe, expect, test } from 'vitest';
import type { Cell } from './cell.ts';
import { type Condition, rowFilter } from './conditions.ts';

/** Cells that meet a condition, of a column with these cells. */
function meeting(condition: Omit<Condition, 'column'>, cells: readonly Cell[], typed: boolean): Cell[] {
  const matches = rowFilter([{ column: 'c', ...condition }], { columns: ['c'], typed });
  return cells.filter((cell) => matches([cell]));
}

const TEXTS = [
  '7',
  '7.0',
  ' 7',
  '70',
  '007',
  'seven',
  'True',
  '2024-02-29',
  '2024-02-29T12:00:00+01:00',
  '',
  ' ',
];

const OF_TEXT: readonly (readonly [Omit<Condition, 'column'>, readonly string[]])[] = [
  [{ op: 'equals', value: 7 }, ['7', '7.0', ' 7']],
  [{ op: 'equals', value: '7' }, ['7']],
  [{ op: 'equals', value: true }, ['True']],
  [{ op: 'not_equals', value: 7 }, ['70', '007', 'seven', 'True', '2024-02-29', '2024-02-29T12:00:00+01:00']],
  [{ op: 'in', value: [70, 'seven'] }, ['70', 'seven']],
  [{ op: 'at_least', value: 7 }, ['7', '7.0', ' 7', '70']],
  [{ op: 'greater_than', value: 7 }, ['70']],
  [{ op: 'less_than', value: 8 }, ['7', '7.0', ' 7']],
  [{ op: 'at_most', value: 70 }, ['7', '7.0', ' 7', '70']],
  [{ op: 'at_least', value: '2024-02-29T11:00:00Z' }, ['2024-02-29T12:00:00+01:00']],
  [{ op: 'less_than', value: '2024-03-01' }, ['2024-02-29', '2024-02-29T12:00:00+01:00']],
  [{ op: 'at_least', value: 'same' }, ['seven']],
  [{ op: 'contains', value: '7' }, ['7', '7.0', ' 7', '70', '007']],
  [{ op: 'starts_with', value: '2024' }, ['2024-02-29', '2024-02-29T12:00:00+01:00']],
  [{ op: 'missing' }, ['', ' ']],
  [{ op: 'present' }, TEXTS.slice(0, -2)],
];

describe('of fields of CSV, a condition is met by', () => {
  for (const [condition, met] of OF_TEXT) {
    test(`${JSON.stringify(condition)}: ${JSON.stringify(met)}`, () => {
      expect(meeting(condition, TEXTS, false)).toEqual(met);
    });
  }
});

const VALUES = [7, 7.5, '7', true, 'true', null, '', '2024-02-29'];

const OF_VALUES: readonly (readonly [Omit<Condition, 'column'>, readonly Cell[]])[] = [
  [{ op: 'equals', value: 7 }, [7]],
  [{ op: 'equals', value: '7' }, ['7']],
  [{ op: 'equals', value: true }, [true]],
  [{ op: 'not_equals', value: 'true' }, [7, 7.5, '7', true, '2024-02-29']],
  [{ op: 'in', value: [7.5, 'true'] }, [7.5, 'true']],
  [{ op: 'at_least', value: 7 }, [7, 7.5]],
  [{ op: 'at_most', value: '2024-03-01' }, ['2024-02-29']],
  [{ op: 'contains', value: '7' }, [7, 7.5, '7']],
  [{ op: 'missing' }, [null, '']],
];

describe('of JSON values, whose type counts, a condition is met by', () => {
  for (const [condition, met] of OF_VALUES) {
    test(`${JSON.stringify(condition)}: ${JSON.stringify(met)}`, () => {
      expect(meeting(condition, VALUES, true)).toEqual(met);
    });
  }
});

test('a row meets all conditions, and a column may come later', () => {
  const columns = ['a'];
  const matches = rowFilter(
    [
      { column: 'a', op: 'present' },
      { column: 'b', op: 'equals', value: 1 },
    ],
    { columns, typed: true },
  );
  expect(matches([1])).toBe(false);
  columns.push('b');
  expect([matches([1, 1]), matches([null, 1]), matches([1, 2])]).toEqual([true, false, false]);
});
