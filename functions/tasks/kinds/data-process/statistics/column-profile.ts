import type { Cell } from '../table/cell.ts';
import { type CellKind, kindOfText, kindOfValue } from '../table/cell-kind.ts';
import { Sums } from './sums.ts';

export type ColumnType =
  | 'integer'
  | 'number'
  | 'boolean'
  | 'date'
  | 'datetime'
  | 'string'
  | 'mixed'
  | 'empty';

/** Kinds that may occur together in a column of a type, in the order in which types are tried. */
const TYPES: readonly (readonly [ColumnType, ReadonlySet<CellKind>])[] = [
  ['empty', new Set()],
  ['integer', new Set<CellKind>(['integer'])],
  ['number', new Set<CellKind>(['integer', 'number'])],
  ['boolean', new Set<CellKind>(['boolean'])],
  ['date', new Set<CellKind>(['date'])],
  ['datetime', new Set<CellKind>(['date', 'datetime'])],
  ['string', new Set<CellKind>(['string', 'code'])],
];

const NOTES = {
  codes: 'Contains digits with leading zeros or integers beyond 2^53: kept as text, so that no digit is lost',
  rounded:
    'Contains integers beyond 2^53, which JSON numbers cannot hold exactly: send them as strings or CSV',
};

/** Facts about a column from the first reading: its type, and all that needs no second reading. */
export class ColumnProfile {
  readonly #typed: boolean;
  readonly #kindOf: (cell: Cell) => CellKind;
  readonly #kinds = new Map<CellKind, number>();
  #hasRounded = false;
  /** Cells with a value. */
  count = 0;
  /** UTF-16 code units of the texts. */
  units = 0;
  /** Of the cells that are numbers. */
  readonly sums = new Sums();

  /** @param typed true for JSON values, false for text */
  constructor(typed: boolean) {
    this.#typed = typed;
    this.#kindOf = typed ? kindOfValue : kindOfText;
  }

  add(cell: Cell): void {
    const kind = this.#kindOf(cell);
    if (kind === 'missing') return;
    this.count += 1;
    if (typeof cell === 'string') this.units += cell.length;
    this.#kinds.set(kind, (this.#kinds.get(kind) ?? 0) + 1);
    if (kind !== 'integer' && kind !== 'number') return;
    const number = Number(cell);
    this.sums.add(number);
    if (this.#typed && Number.isInteger(number) && !Number.isSafeInteger(number)) this.#hasRounded = true;
  }

  /** Number of cells of each kind, without the missing ones. */
  get kinds(): ReadonlyMap<CellKind, number> {
    const counted: Partial<Record<CellKind, CellKind>> = {
      // One code makes all digits of its column codes: 10001 beside 00501 is text too.
      ...(this.#kinds.has('code') && { integer: 'code' }),
      // Among words, "True" is a word: it is a town in West Virginia.
      ...(!this.#typed && this.#kinds.has('string') && { boolean: 'string' }),
    };
    const kinds = new Map<CellKind, number>();
    for (const [kind, count] of this.#kinds) {
      const as = counted[kind] ?? kind;
      kinds.set(as, (kinds.get(as) ?? 0) + count);
    }
    return kinds;
  }

  get type(): ColumnType {
    const kinds = [...this.kinds.keys()];
    return TYPES.find(([, allowed]) => kinds.every((kind) => allowed.has(kind)))?.[0] ?? 'mixed';
  }

  /** Notes for the reader of the summary. */
  get notes(): string[] {
    return [...(this.#kinds.has('code') ? [NOTES.codes] : []), ...(this.#hasRounded ? [NOTES.rounded] : [])];
  }
}

/** Returns a function that gives a cell as a value of its column's type: a number, boolean or text. Null is missing. */
export function valuesOf(type: ColumnType): (cell: Cell | undefined) => Cell {
  const toValue = VALUES[type] ?? ((text: string): Cell => text);
  return (cell) => {
    if (typeof cell !== 'string') return cell ?? null;
    return cell.trim() === '' ? null : toValue(cell);
  };
}

const VALUES: Partial<Record<ColumnType, (text: string) => Cell>> = {
  integer: Number,
  number: Number,
  boolean: (text) => text.trim().toLowerCase() === 'true',
  date: (text) => text.trim(),
  datetime: (text) => text.trim(),
};
