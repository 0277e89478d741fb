import type { Cell } from './cell.ts';
import { instantOf, kindOfText } from './cell-kind.ts';

export const COMPARISONS = ['less_than', 'at_most', 'greater_than', 'at_least'] as const;
export const OPERATORS = [
  'equals',
  'not_equals',
  'in',
  ...COMPARISONS,
  'contains',
  'starts_with',
  'missing',
  'present',
] as const;

export type Operator = (typeof OPERATORS)[number];

/** A condition on one cell of a row. */
export type Condition = {
  readonly column: string;
  readonly op: Operator;
  readonly value?: string | number | boolean | readonly (string | number | boolean)[] | undefined;
};

type Test = (cell: Cell) => boolean;

/**
 * Returns the function that tests whether a row meets all conditions.
 *
 * @param columns names of the columns. The list may still grow
 * @param typed true for JSON values, false for text
 */
export function rowFilter(
  conditions: readonly Condition[],
  { columns, typed }: { columns: readonly string[]; typed: boolean },
): (cells: readonly (Cell | undefined)[]) => boolean {
  const tests = conditions.map((condition) => ({ condition, index: -1, test: testOf(condition, typed) }));
  return (cells) => {
    for (const each of tests) {
      if (each.index === -1) each.index = columns.indexOf(each.condition.column);
      if (!each.test(cells[each.index] ?? null)) return false;
    }
    return true;
  };
}

/** Returns the test of a cell. A cell without a value meets `missing` only. */
function testOf({ op, value }: Condition, typed: boolean): Test {
  const isMissing: Test = (cell) => cell === null || (typeof cell === 'string' && cell.trim() === '');
  if (op === 'missing') return isMissing;
  const holds = presentTest(op, value, typed);
  return (cell) => !isMissing(cell) && holds(cell);
}

function presentTest(op: Operator, value: Condition['value'], typed: boolean): Test {
  switch (op) {
    case 'present':
    case 'missing':
      return () => true;
    case 'equals':
    case 'in':
      return equalToAny([value ?? []].flat(), typed);
    case 'not_equals': {
      const equals = equalToAny([value ?? []].flat(), typed);
      return (cell) => !equals(cell);
    }
    case 'contains':
      return (cell) => String(cell).includes(String(value));
    case 'starts_with':
      return (cell) => String(cell).startsWith(String(value));
    default:
      return orderTest(op, value as string | number, typed);
  }
}

function equalToAny(values: readonly (string | number | boolean)[], typed: boolean): Test {
  const wanted = new Set<Cell>(values);
  const hasNumbers = values.some((value) => typeof value === 'number');
  const hasBooleans = values.some((value) => typeof value === 'boolean');
  return (cell) => {
    if (wanted.has(cell)) return true;
    if (typed || typeof cell !== 'string') return false;
    if (hasNumbers && wanted.has(numberIn(cell, typed))) return true;
    return hasBooleans && kindOfText(cell) === 'boolean' && wanted.has(cell.trim().toLowerCase() === 'true');
  };
}

/** Numbers are compared with numbers, times with times, and all other texts by UTF-16 code units. */
function orderTest(op: Operator, value: string | number, typed: boolean): Test {
  const inOrder = ORDERS[op];
  if (!inOrder) return () => false;
  if (typeof value === 'number') {
    return (cell) => {
      const number = numberIn(cell, typed);
      return number !== null && inOrder(number, value);
    };
  }
  const instant = instantOf(value.trim());
  if (Number.isNaN(instant)) return (cell) => typeof cell === 'string' && inOrder(cell, value);
  return (cell) => {
    const other = typeof cell === 'string' ? instantOf(cell.trim()) : Number.NaN;
    return !Number.isNaN(other) && inOrder(other, instant);
  };
}

const ORDERS: Partial<Record<Operator, <T extends string | number>(cell: T, value: T) => boolean>> = {
  less_than: (cell, value) => cell < value,
  at_most: (cell, value) => cell <= value,
  greater_than: (cell, value) => cell > value,
  at_least: (cell, value) => cell >= value,
};

/** Returns the number that a cell is, null when it is none. */
function numberIn(cell: Cell, typed: boolean): number | null {
  if (typeof cell === 'number') return cell;
  if (typed || typeof cell !== 'string') return null;
  const kind = kindOfText(cell);
  return kind === 'integer' || kind === 'number' ? Number(cell) : null;
}
