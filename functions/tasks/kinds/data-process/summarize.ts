import type { StoredArtifact, TaskArtifacts } from '../../task-artifacts.ts';
import { LineSorter } from './output/line-sorter.ts';
import { columnsTable, groupsTable, type SummaryTable } from './output/summary-tables.ts';
import { type OutputValue, TableWriter } from './output/table-writer.ts';
import { ColumnProfile, type ColumnType, valuesOf } from './statistics/column-profile.ts';
import { ColumnStatistics, type ColumnSummary } from './statistics/column-statistics.ts';
import { type Group, Groups } from './statistics/groups.ts';
import type { Survey } from './survey.ts';
import { EXACT_CELLS, EXACT_UNITS } from './table/bounds.ts';
import type { Cell } from './table/cell.ts';
import { indexOfColumn } from './table/columns.ts';
import { type Condition, rowFilter } from './table/conditions.ts';
import type { Format } from './table/formats.ts';
import type { Pause, Rows } from './table/rows.ts';

/** The summary that a caller asks for. */
export type Wanted = {
  readonly where: readonly Condition[];
  readonly columns?: readonly string[] | undefined;
  readonly groupBy?: readonly string[] | undefined;
  readonly output?: WantedOutput | undefined;
};

export type WantedOutput = {
  /** Default: the rows. */
  readonly content?: 'rows' | 'columns' | 'groups' | undefined;
  readonly format: Format;
  readonly name?: string | undefined;
  readonly sort?:
    | readonly { readonly column: string; readonly descending?: boolean | undefined }[]
    | undefined;
  readonly limit?: number | undefined;
};

export type TableSummary = {
  readonly columns: readonly ColumnSummary[];
  readonly groups: readonly Group[] | undefined;
  readonly output: { readonly artifact: StoredArtifact; readonly rows: number } | undefined;
};

type Column = {
  readonly name: string;
  /** −1 for a table without rows. */
  readonly index: number;
  readonly profile: ColumnProfile;
  readonly type: ColumnType;
  readonly toValue: (cell: Cell | undefined) => Cell;
};

/**
 * Reads a table that was surveyed, and summarizes it.
 *
 * @throws PermanentError `unknown_column`, `too_many_groups`, `too_many_to_sort`, and those of artifacts
 */
export async function summarize(
  rows: Rows,
  { survey, wanted, artifacts }: { survey: Survey; wanted: Wanted; artifacts: Pick<TaskArtifacts, 'create'> },
  pause: Pause,
): Promise<TableSummary> {
  const { output, groupBy } = wanted;
  const columnOf = columnsOf(rows, survey);
  const columns = (wanted.columns ?? rows.columns).map(columnOf);
  const isExact = fitsExactly(columns.map(({ profile }) => profile));
  const statistics = columns.map((column) => new ColumnStatistics(column, isExact));
  const keys = groupBy?.map(columnOf);
  const numeric = columns.filter(
    ({ name, type }) => (type === 'integer' || type === 'number') && !groupBy?.includes(name),
  );
  const groups = groupBy && new Groups({ groupBy, numeric: numeric.map(({ name }) => name) });
  const rowsOut =
    output && (output.content ?? 'rows') === 'rows'
      ? rowOutput(output, {
          columns,
          sort: output.sort?.map(({ column }) => columnOf(column)) ?? [],
          artifacts,
        })
      : undefined;

  const matches = rowFilter(wanted.where, rows);
  await rows.read(
    (cells) => {
      if (!matches(cells)) return;
      for (const [at, { index, toValue }] of columns.entries()) {
        const value = toValue(cells[index]);
        if (value !== null) statistics[at]?.add(value);
      }
      if (groups && keys) groups.add(valuesIn(cells, keys), valuesIn(cells, numeric));
      rowsOut?.add(cells);
    },
    async (share) => {
      await rowsOut?.flush();
      await pause(share);
    },
  );
  const summary = {
    columns: statistics.map((each) => each.summary(survey.records)),
    groups: groups?.all,
  };
  if (rowsOut) return { ...summary, output: await rowsOut.end() };
  if (!output) return { ...summary, output: undefined };
  const table =
    output.content === 'groups' && groupBy
      ? groupsTable(summary.groups ?? [], { groupBy, numeric: numeric.map(({ name }) => name) })
      : columnsTable(summary.columns);
  return { ...summary, output: await written(table, output, artifacts) };
}

function columnsOf(rows: Rows, { read, profiles }: Survey): (name: string) => Column {
  return (name) => {
    const index = indexOfColumn({ columns: rows.columns, rows: read.rows }, name);
    const profile = profiles[index] ?? new ColumnProfile(rows.typed);
    const { type } = profile;
    return { name, index, profile, type, toValue: valuesOf(type) };
  };
}

function fitsExactly(profiles: readonly ColumnProfile[]): boolean {
  const cells = profiles.reduce((sum, { count }) => sum + count, 0);
  const units = profiles.reduce((sum, profile) => sum + profile.units, 0);
  return cells <= EXACT_CELLS && units <= EXACT_UNITS;
}

const valuesIn = (cells: readonly (Cell | undefined)[], columns: readonly Column[]) =>
  columns.map(({ index, toValue }) => toValue(cells[index]));

/** Writes rows into an artifact: as they come, or sorted at the end. */
function rowOutput(
  { format, name = `rows.${format}`, sort = [], limit = Number.POSITIVE_INFINITY }: WantedOutput,
  {
    columns,
    sort: keys,
    artifacts,
  }: { columns: readonly Column[]; sort: readonly Column[]; artifacts: Pick<TaskArtifacts, 'create'> },
) {
  const writer = new TableWriter({ format, name, columns: columns.map((column) => column.name) }, artifacts);
  const sorter =
    sort.length > 0
      ? new LineSorter(
          sort.map(({ descending = false }) => descending),
          limit,
        )
      : undefined;
  // CSV gets the cells as they were given, and JSON gets values.
  const shown = (cells: readonly (Cell | undefined)[]): OutputValue[] =>
    format === 'csv' ? columns.map(({ index }) => cells[index] ?? null) : valuesIn(cells, columns);
  return {
    add(cells: readonly (Cell | undefined)[]): void {
      if (sorter) sorter.add(valuesIn(cells, keys), writer.line(shown(cells)));
      else if (writer.lines < limit) writer.take(writer.line(shown(cells)));
    },
    flush: () => writer.flush(),
    async end() {
      for (const line of sorter?.sorted ?? []) {
        writer.take(line);
        if (writer.lines % LINES_PER_WRITE === 0) await writer.flush();
      }
      return { artifact: await writer.end(), rows: writer.lines };
    },
  };
}

const LINES_PER_WRITE = 1_000;

async function written(
  { columns, rows }: SummaryTable,
  { format, content, name = `${content}.${format}` }: WantedOutput,
  artifacts: Pick<TaskArtifacts, 'create'>,
) {
  const writer = new TableWriter({ format, name, columns }, artifacts);
  for (const row of rows) writer.take(writer.line(row));
  return { artifact: await writer.end(), rows: writer.lines };
}
