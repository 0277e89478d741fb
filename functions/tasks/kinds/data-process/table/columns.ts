import { PermanentError } from '../../../define-task.ts';

/** Columns that the error names. The caller knows the rest. */
const COLUMNS_NAMED = 20;

/**
 * Returns the index of a named column; -1 for a table without rows, which has every column.
 *
 * @throws PermanentError `unknown_column`
 */
export function indexOfColumn(
  { columns, rows }: { columns: readonly string[]; rows: number },
  name: string,
): number {
  const index = columns.indexOf(name);
  if (index === -1 && rows > 0) {
    throw new PermanentError('unknown_column', `There is no column ${JSON.stringify(name)}`, {
      details: { column: name, columns: columns.slice(0, COLUMNS_NAMED) },
    });
  }
  return index;
}
