import { PermanentError } from '../../define-task.ts';
import { MAX_GROUPS } from './bounds.ts';
import { columnValues } from './column-values.ts';
import type { Cell } from './kind.ts';
import { type NumberStatistics, sumStatistics } from './number-statistics.ts';
import { cellsOf, type Table } from './table.ts';

/** The records with equal values in the grouping columns. */
export type Group = {
  /** The common values of the grouping columns, in the order of `group_by`; null for a missing value. */
  readonly by: readonly Cell[];
  readonly records: number;
  /** The numeric columns in which this group has a value. */
  readonly columns: readonly GroupColumn[];
};

type GroupColumn = { readonly name: string; readonly count: number } & Pick<
  NumberStatistics,
  'min' | 'max' | 'sum' | 'mean'
>;

/** Called between slices of work, so that a cancel is noticed. */
export type Checkpoint = () => Promise<void>;

const ROWS_PER_SLICE = 20_000;

/**
 * Groups the records and summarizes the numeric columns among `names` in each group.
 *
 * @returns groups in the order of their values: numbers, then texts by UTF-16 code units, then missing ones
 * @throws PermanentError `too_many_groups`, `unknown_column`
 */
export async function summarizeGroups(
  table: Table,
  { groupBy, names }: { groupBy: readonly string[]; names: readonly string[] },
  checkpoint: Checkpoint,
): Promise<Group[]> {
  const keys = groupBy.map((name) => columnValues(cellsOf(table, name), table.typed).values);
  const groups = new Map<string, { by: Cell[]; rows: number[] }>();
  for (let row = 0; row < table.records; row += 1) {
    if (row % ROWS_PER_SLICE === 0) await checkpoint();
    const by = keys.map((values) => values[row] ?? null);
    const key = JSON.stringify(by);
    const group = groups.get(key) ?? { by, rows: [] };
    group.rows.push(row);
    groups.set(key, group);
    if (groups.size > MAX_GROUPS) {
      throw new PermanentError('too_many_groups', `More than ${MAX_GROUPS} groups by ${groupBy.join(', ')}`);
    }
  }
  const numeric = await numericColumns(
    table,
    names.filter((name) => !groupBy.includes(name)),
    checkpoint,
  );
  const summaries: Group[] = [];
  for (const { by, rows } of [...groups.values()].sort((a, b) => compareKeys(a.by, b.by))) {
    await checkpoint();
    summaries.push({
      by,
      records: rows.length,
      columns: numeric.flatMap((column) => summarize(column, rows)),
    });
  }
  return summaries;
}

interface NumericColumn {
  readonly name: string;
  readonly values: readonly Cell[];
}

async function numericColumns(
  table: Table,
  names: readonly string[],
  checkpoint: Checkpoint,
): Promise<NumericColumn[]> {
  const numeric: NumericColumn[] = [];
  for (const name of names) {
    await checkpoint();
    const { type, values } = columnValues(cellsOf(table, name), table.typed);
    if (type === 'integer' || type === 'number') numeric.push({ name, values });
  }
  return numeric;
}

function summarize({ name, values }: NumericColumn, rows: readonly number[]): GroupColumn[] {
  const present = rows.map((row) => values[row]).filter((value) => typeof value === 'number');
  return present.length === 0 ? [] : [{ name, count: present.length, ...sumStatistics(present) }];
}

function compareKeys(a: readonly Cell[], b: readonly Cell[]): number {
  for (const [index, left] of a.entries()) {
    const order = compareCells(left, b[index] ?? null);
    if (order !== 0) return order;
  }
  return 0;
}

const TYPE_ORDER = ['boolean', 'number', 'string', 'object'];

function compareCells(a: Cell, b: Cell): number {
  if (a === b) return 0;
  const byType = TYPE_ORDER.indexOf(typeof a) - TYPE_ORDER.indexOf(typeof b);
  if (byType !== 0 || a === null || b === null) return byType;
  return a < b ? -1 : 1;
}
