import type { ColumnSummary } from '../statistics/column-statistics.ts';
import type { Group } from '../statistics/groups.ts';
import type { OutputValue } from './table-writer.ts';

/** A summary as a table of its own. */
export type SummaryTable = {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly OutputValue[])[];
};

/** Fields of a column's summary, in the order in which they are written. */
const COLUMN_FIELDS = [
  'name',
  'type',
  'count',
  'missing',
  'distinct',
  'min',
  'max',
  'sum',
  'mean',
  'standard_deviation',
  'lower_quartile',
  'median',
  'upper_quartile',
  'shortest',
  'longest',
  'earliest',
  'latest',
  'kinds',
  'most_frequent',
  'estimated',
  'notes',
] as const satisfies readonly (keyof ColumnSummary)[];

/** Returns a table with a row for each column. */
export function columnsTable(summaries: readonly ColumnSummary[]): SummaryTable {
  return {
    columns: COLUMN_FIELDS,
    rows: summaries.map((summary) => COLUMN_FIELDS.map((field) => summary[field] ?? null)),
  };
}

const GROUP_FIELDS = ['count', 'sum', 'mean', 'min', 'max'] as const;

/** Returns a table with a row for each group: its values, its records, and the statistics of each numeric column. */
export function groupsTable(
  groups: readonly Group[],
  { groupBy, numeric }: { groupBy: readonly string[]; numeric: readonly string[] },
): SummaryTable {
  return {
    columns: [
      ...groupBy,
      'records',
      ...numeric.flatMap((name) => GROUP_FIELDS.map((field) => `${name}.${field}`)),
    ],
    rows: groups.map(({ by, records, columns }) => {
      const byName = new Map(columns.map((column) => [column.name, column]));
      const statistics = numeric.flatMap((name) =>
        GROUP_FIELDS.map((field) => byName.get(name)?.[field] ?? (field === 'count' ? 0 : null)),
      );
      return [...by, records, ...statistics];
    }),
  };
}
