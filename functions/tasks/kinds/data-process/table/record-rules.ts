import { textFault } from '../../../../json-fault.ts';
import { MAX_COLUMN_NAME } from './bounds.ts';
import type { FlatRecord } from './cell.ts';

/** @returns the rule that a cell of a record breaks, or undefined */
export function brokenRule(column: string, cell: unknown): string | undefined {
  if (column.trim() === '') return 'A column needs a name';
  // A code point has one or two code units.
  if (column.length > MAX_COLUMN_NAME && [...column].length > MAX_COLUMN_NAME)
    return `A column's name has at most ${MAX_COLUMN_NAME} characters`;
  if (typeof cell === 'object' && cell !== null) return 'Must be a string, number, boolean or null';
  if (cell === Infinity || cell === -Infinity) return 'Must be a number below 1.8e308';
  return textFault(column) ?? (typeof cell === 'string' ? textFault(cell) : undefined);
}

export function isRecord(value: unknown): value is FlatRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
