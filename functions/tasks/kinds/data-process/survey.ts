import { ColumnProfile } from './statistics/column-profile.ts';
import { indexOfColumn } from './table/columns.ts';
import { type Condition, rowFilter } from './table/conditions.ts';
import type { Pause, ReadRows, Rows } from './table/rows.ts';

/** Facts from the first reading of a table. The second reading needs the types of the columns. */
export type Survey = {
  readonly read: ReadRows;
  /** Rows that meet the conditions. */
  readonly records: number;
  /** Of each column, over the rows that meet the conditions. */
  readonly profiles: readonly ColumnProfile[];
};

/** @throws PermanentError `unknown_column` for a condition on a column that no row has */
export async function surveyOf(rows: Rows, where: readonly Condition[], pause: Pause): Promise<Survey> {
  const { columns, typed } = rows;
  const matches = rowFilter(where, rows);
  const profiles: ColumnProfile[] = [];
  let records = 0;
  const read = await rows.read((cells) => {
    while (profiles.length < columns.length) profiles.push(new ColumnProfile(typed));
    if (!matches(cells)) return;
    records += 1;
    for (let index = 0; index < cells.length; index += 1) profiles[index]?.add(cells[index] ?? null);
  }, pause);
  while (profiles.length < columns.length) profiles.push(new ColumnProfile(typed));
  for (const { column } of where) indexOfColumn({ columns, rows: read.rows }, column);
  return { read, records, profiles };
}
