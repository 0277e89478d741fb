import { instantOf } from './cell-kind.ts';
import { type ColumnType, type ColumnValues, columnValues } from './column-values.ts';
import type { Cell } from './kind.ts';
import { type NumberStatistics, numberStatistics } from './number-statistics.ts';

/** Fields of every column. */
type ColumnBase = {
  readonly name: string;
  readonly type: ColumnType;
  /** Cells with a value. */
  readonly count: number;
  /** Cells that are absent, null or blank. */
  readonly missing: number;
  /** Number of different values, exact. Two spellings of one moment count as two. */
  readonly distinct: number;
  readonly notes?: readonly string[];
};

type TextStatistics = {
  /** Length of the shortest value, in Unicode characters. */
  readonly shortest: number;
  readonly longest: number;
};

/** The five most frequent values; of equally frequent ones the smaller comes first (by UTF-16 code units). */
type Frequencies = {
  readonly most_frequent?: readonly { readonly value: Cell; readonly count: number }[];
};

type TimeStatistics = {
  /** As written in the table. When one moment has several spellings, the first row's spelling. */
  readonly earliest: string;
  readonly latest: string;
};

/** Number of cells of each kind in a mixed column. */
type KindCounts = { readonly kinds: Readonly<Record<string, number>> };

export type ColumnSummary = ColumnBase &
  Partial<NumberStatistics> &
  Partial<TextStatistics> &
  Partial<TimeStatistics> &
  Partial<KindCounts> &
  Frequencies;

const MOST_FREQUENT = 5;
const SHOWN_CHARACTERS = 100;

type Statistics = Omit<ColumnSummary, keyof ColumnBase>;

/** Statistics of a column, by its type. Called only for columns with values. */
const STATISTICS: Readonly<
  Record<ColumnType, (present: readonly Cell[], column: ColumnValues) => Statistics>
> = {
  integer: (present) => numberStatistics(present.map(Number)),
  number: (present) => numberStatistics(present.map(Number)),
  boolean: (present) => ({ most_frequent: mostFrequent(present) }),
  date: timeStatistics,
  datetime: timeStatistics,
  string: (present) => ({ ...textStatistics(present), most_frequent: mostFrequent(present) }),
  mixed: (present, { kinds }) => ({
    kinds: Object.fromEntries(kinds),
    ...textStatistics(present),
    most_frequent: mostFrequent(present),
  }),
  empty: () => ({}),
};

/** @param typed true for JSON values, false for the fields of a CSV text */
export function summarizeColumn(name: string, cells: readonly Cell[], typed: boolean): ColumnSummary {
  const column = columnValues(cells, typed);
  const present = column.values.filter((value) => value !== null);
  const statistics = STATISTICS[column.type](present, column);
  const notes = [...column.notes, ...notesOnSum(column, statistics.sum)];
  return {
    name,
    type: column.type,
    count: present.length,
    missing: cells.length - present.length,
    distinct: new Set(present).size,
    ...statistics,
    ...(notes.length > 0 && { notes }),
  };
}

function notesOnSum({ type }: ColumnValues, sum: number | null | undefined): string[] {
  if (sum === null) return ['The sum is beyond the range of a double'];
  if (type !== 'integer' || sum === undefined || Number.isSafeInteger(sum)) return [];
  return ['The sum is beyond 2^53 and therefore rounded'];
}

function textStatistics(present: readonly Cell[]): TextStatistics {
  let shortest = Number.POSITIVE_INFINITY;
  let longest = 0;
  for (const value of present) {
    const length = charactersIn(String(value));
    shortest = Math.min(shortest, length);
    longest = Math.max(longest, length);
  }
  return { shortest, longest };
}

function timeStatistics(present: readonly Cell[]): TimeStatistics {
  let earliest = { text: '', instant: Number.POSITIVE_INFINITY };
  let latest = { text: '', instant: Number.NEGATIVE_INFINITY };
  for (const value of present) {
    const text = String(value);
    const instant = instantOf(text);
    if (instant < earliest.instant) earliest = { text, instant };
    if (instant > latest.instant) latest = { text, instant };
  }
  return { earliest: earliest.text, latest: latest.text };
}

function mostFrequent(present: readonly Cell[]): { value: Cell; count: number }[] {
  const counts = new Map<Cell, number>();
  for (const value of present) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts]
    .sort(([a, countOfA], [b, countOfB]) => countOfB - countOfA || compareText(String(a), String(b)))
    .slice(0, MOST_FREQUENT)
    .map(([value, count]) => ({ value: typeof value === 'string' ? shown(value) : value, count }));
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Shortens a long value, without splitting a character. */
function shown(value: string): string {
  if (value.length <= SHOWN_CHARACTERS) return value;
  return `${value.slice(0, SHOWN_CHARACTERS).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

function charactersIn(text: string): number {
  return text.length - (text.match(/[\uD800-\uDBFF][\uDC00-\uDFFF]/g)?.length ?? 0);
}
