import type { Cell } from '../table/cell.ts';
import { instantOf } from '../table/cell-kind.ts';
import type { ColumnProfile, ColumnType } from './column-profile.ts';
import { estimatedQuartiles, exactQuartiles, type Quartiles } from './quantiles.ts';
import { Spread } from './spread.ts';
import type { SumStatistics } from './sums.ts';
import { COUNTED_VALUES, type DistinctCounter, DistinctValues, ValueCounts } from './value-counts.ts';

/** Fields of every column. */
type ColumnBase = {
  readonly name: string;
  readonly type: ColumnType;
  /** Cells with a value. */
  readonly count: number;
  /** Cells that are absent, null or blank. */
  readonly missing: number;
  /** Number of different values. Two spellings of one moment count as two. */
  readonly distinct: number;
  /** The statistics that are estimates; absent when all are exact. */
  readonly estimated?: readonly string[];
  readonly notes?: readonly string[];
};

type NumberStatistics = SumStatistics &
  Quartiles & {
    /** Standard deviation of the sample; null for fewer than two values. */
    readonly standard_deviation: number | null;
  };

type TextStatistics = {
  /** Length of the shortest value, in Unicode characters. */
  readonly shortest: number;
  readonly longest: number;
};

type Frequencies = { readonly most_frequent?: readonly { readonly value: Cell; readonly count: number }[] };

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

/** Collects statistics of a column from its values, which come one by one in the second reading. */
interface Statistics {
  add(value: Cell): void;
  readonly fields: Omit<ColumnSummary, keyof ColumnBase>;
  /** Names of the fields that are estimates. */
  readonly estimated: readonly string[];
}

type Column = { readonly name: string; readonly type: ColumnType; readonly profile: ColumnProfile };

/** Collects the summary of a column. */
export class ColumnStatistics {
  readonly #column: Column;
  readonly #distinct: DistinctCounter;
  readonly #counts: ValueCounts | undefined;
  readonly #statistics: Statistics;

  /** @param isExact false when the table is too large for exact statistics */
  constructor(column: Column, isExact: boolean) {
    this.#column = column;
    const limit = isExact ? undefined : COUNTED_VALUES;
    this.#counts = hasFrequencies(column.type) ? new ValueCounts(limit) : undefined;
    this.#distinct = this.#counts ?? new DistinctValues(limit);
    this.#statistics = STATISTICS[column.type](column.profile, isExact);
  }

  /** @param value of the column's type, not null */
  add(value: Cell): void {
    this.#distinct.add(value);
    this.#statistics.add(value);
  }

  /** @param records number of rows of the table */
  summary(records: number): ColumnSummary {
    const { name, type, profile } = this.#column;
    const { fields } = this.#statistics;
    const mostFrequent = this.#counts?.mostFrequent(MOST_FREQUENT);
    const estimated = [
      ...(this.#distinct.isExact ? [] : ['distinct', ...(mostFrequent ? ['most_frequent'] : [])]),
      ...this.#statistics.estimated,
    ];
    const notes = [...profile.notes, ...notesOnSum(type, fields.sum)];
    return {
      name,
      type,
      count: profile.count,
      missing: records - profile.count,
      distinct: Math.min(this.#distinct.distinct, profile.count),
      ...fields,
      ...(mostFrequent && {
        most_frequent: mostFrequent.map(({ value, count }) => ({
          value: typeof value === 'string' ? shown(value) : value,
          count,
        })),
      }),
      ...(estimated.length > 0 && { estimated }),
      ...(notes.length > 0 && { notes }),
    };
  }
}

const hasFrequencies = (type: ColumnType) => type === 'boolean' || type === 'string' || type === 'mixed';

function notesOnSum(type: ColumnType, sum: number | null | undefined): string[] {
  if (sum === null) return ['The sum is beyond the range of a double'];
  if (type !== 'integer' || sum === undefined || Number.isSafeInteger(sum)) return [];
  return ['The sum is beyond 2^53 and therefore rounded'];
}

const nothing = (): Statistics => ({ add() {}, fields: {}, estimated: [] });

/** Statistics of a column, by its type. */
const STATISTICS: Readonly<Record<ColumnType, (profile: ColumnProfile, isExact: boolean) => Statistics>> = {
  integer: numberStatistics,
  number: numberStatistics,
  boolean: nothing,
  date: timeStatistics,
  datetime: timeStatistics,
  string: textStatistics,
  mixed: mixedStatistics,
  empty: nothing,
};

const QUARTILES = ['lower_quartile', 'median', 'upper_quartile'];

function numberStatistics({ count, sums }: ColumnProfile, isExact: boolean): Statistics {
  const { statistics } = sums;
  const spread = new Spread(statistics);
  const quartiles = isExact ? exactQuartiles(count) : estimatedQuartiles();
  return {
    add(value) {
      spread.add(value as number);
      quartiles.add(value as number);
    },
    get fields() {
      return { ...statistics, standard_deviation: spread.standardDeviation, ...quartiles.quartiles };
    },
    estimated: isExact ? [] : QUARTILES,
  };
}

function textStatistics(): Statistics {
  let shortest = Number.POSITIVE_INFINITY;
  let longest = 0;
  return {
    add(value) {
      const length = charactersIn(String(value));
      if (length < shortest) shortest = length;
      if (length > longest) longest = length;
    },
    get fields() {
      return { shortest, longest };
    },
    estimated: [],
  };
}

function mixedStatistics({ kinds }: ColumnProfile): Statistics {
  const texts = textStatistics();
  return {
    add: texts.add,
    get fields() {
      return { kinds: Object.fromEntries(kinds), ...texts.fields };
    },
    estimated: [],
  };
}

function timeStatistics(): Statistics {
  let earliest = { text: '', instant: Number.POSITIVE_INFINITY };
  let latest = { text: '', instant: Number.NEGATIVE_INFINITY };
  return {
    add(value) {
      const text = String(value);
      const instant = instantOf(text);
      if (instant < earliest.instant) earliest = { text, instant };
      if (instant > latest.instant) latest = { text, instant };
    },
    get fields() {
      return { earliest: earliest.text, latest: latest.text };
    },
    estimated: [],
  };
}

/** Shortens a long value, without splitting a character. */
function shown(value: string): string {
  if (value.length <= SHOWN_CHARACTERS) return value;
  return `${value.slice(0, SHOWN_CHARACTERS).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

const PAIRS = /[\uD800-\uDBFF][\uDC00-\uDFFF]/g;

function charactersIn(text: string): number {
  return text.length - (text.match(PAIRS)?.length ?? 0);
}
