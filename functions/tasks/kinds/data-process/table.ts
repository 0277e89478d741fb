import { PermanentError } from '../../define-task.ts';
import type { Cell, FlatRecord } from './kind.ts';

/** A table stored by columns, because statistics are computed by column. */
export interface Table {
  /** Number of rows, without the header. */
  readonly records: number;
  /** True for JSON values, which have a type. False for text whose type must be guessed. */
  readonly typed: boolean;
  /**
   * Columns in the order of their first appearance. A cell is null where a record lacks the column. A map, so that any name is
   * safe.
   */
  readonly columns: ReadonlyMap<string, readonly Cell[]>;
}

export function tableOfRecords(records: readonly FlatRecord[]): Table {
  const columns = new Map<string, Cell[]>();
  for (const [row, record] of records.entries()) {
    for (const [name, cell] of Object.entries(record)) {
      const cells = columns.get(name) ?? new Array<Cell>(records.length).fill(null);
      cells[row] = cell;
      columns.set(name, cells);
    }
  }
  return { records: records.length, typed: true, columns };
}

/** Columns that the error names. The caller knows the rest. */
const COLUMNS_NAMED = 20;

/**
 * Returns the cells of a named column. A table without records has every column.
 *
 * @throws PermanentError `unknown_column`
 */
export function cellsOf(table: Table, name: string): readonly Cell[] {
  const cells = table.columns.get(name);
  if (cells === undefined && table.records > 0) {
    throw new PermanentError('unknown_column', `There is no column ${JSON.stringify(name)}`, {
      details: { column: name, columns: [...table.columns.keys()].slice(0, COLUMNS_NAMED) },
    });
  }
  return cells ?? [];
}
