import { PermanentError } from '../../../define-task.ts';
import { MAX_GROUP_TEXT, MAX_GROUPS } from '../table/bounds.ts';
import type { Cell } from '../table/cell.ts';
import { copyOf } from '../table/copy-of.ts';
import { type SumStatistics, Sums } from './sums.ts';

/** The records with equal values in the grouping columns. */
export type Group = {
  /** The common values of the grouping columns, in the order of `group_by`; null for a missing value. */
  readonly by: readonly Cell[];
  readonly records: number;
  /** The numeric columns in which this group has a value. */
  readonly columns: readonly GroupColumn[];
};

type GroupColumn = { readonly name: string; readonly count: number } & SumStatistics;

type GroupsSpec = {
  /** Grouping columns. */
  readonly groupBy: readonly string[];
  /** Numeric columns that are summarized. */
  readonly numeric: readonly string[];
};

/** Groups rows, and summarizes the numeric columns of each group. */
export class Groups {
  readonly #spec: GroupsSpec;
  readonly #groups = new Map<string, { by: Cell[]; records: number; sums: (Sums | undefined)[] }>();
  #units = 0;

  constructor(spec: GroupsSpec) {
    this.#spec = spec;
  }

  /**
   * @param by values of the grouping columns
   * @param numbers values of the numeric columns
   * @throws PermanentError `too_many_groups`
   */
  add(by: readonly Cell[], numbers: readonly Cell[]): void {
    const key = JSON.stringify(by);
    const group = this.#groups.get(key) ?? this.#begin(key, by);
    group.records += 1;
    for (const [index, value] of numbers.entries()) {
      if (typeof value !== 'number') continue;
      group.sums[index] ??= new Sums();
      group.sums[index].add(value);
    }
  }

  #begin(key: string, by: readonly Cell[]) {
    const { groupBy } = this.#spec;
    const group = { by: by.map(copyOf), records: 0, sums: [] };
    this.#groups.set(key, group);
    this.#units += key.length;
    if (this.#groups.size > MAX_GROUPS)
      throw tooMany(`More than ${MAX_GROUPS} groups by ${groupBy.join(', ')}`);
    if (this.#units > MAX_GROUP_TEXT)
      throw tooMany(`The values of the groups by ${groupBy.join(', ')} are too long together`);
    return group;
  }

  /** The groups in the order of their values: numbers, then texts by UTF-16 code units, then missing ones. */
  get all(): Group[] {
    return [...this.#groups.values()]
      .sort((a, b) => compareLists(a.by, b.by))
      .map(({ by, records, sums }) => ({
        by,
        records,
        columns: this.#spec.numeric.flatMap((name, index) => {
          const of = sums[index];
          return of === undefined ? [] : [{ name, count: of.count, ...of.statistics }];
        }),
      }));
  }
}

const tooMany = (message: string) => new PermanentError('too_many_groups', message);

function compareLists(a: readonly Cell[], b: readonly Cell[]): number {
  for (const [index, left] of a.entries()) {
    const order = compareCells(left, b[index] ?? null);
    if (order !== 0) return order;
  }
  return 0;
}

const TYPE_ORDER = ['boolean', 'number', 'string', 'object'];

/** Orders values: booleans, numbers, texts by UTF-16 code units, missing ones. */
export function compareCells(a: Cell, b: Cell): number {
  if (a === b) return 0;
  const byType = TYPE_ORDER.indexOf(typeof a) - TYPE_ORDER.indexOf(typeof b);
  if (byType !== 0 || a === null || b === null) return byType;
  return a < b ? -1 : 1;
}
