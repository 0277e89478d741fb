import { type CellKind, kindOfText, kindOfValue } from './cell-kind.ts';
import type { Cell } from './kind.ts';

export type ColumnType =
  | 'integer'
  | 'number'
  | 'boolean'
  | 'date'
  | 'datetime'
  | 'string'
  | 'mixed'
  | 'empty';

/** A column after all its cells are read: its type, and its cells as values of the type. */
export interface ColumnValues {
  readonly type: ColumnType;
  /** Values by row: numbers, booleans or texts, according to the type. A mixed column has its cells as given. Null is missing. */
  readonly values: readonly Cell[];
  /** Number of cells of each kind, without the missing ones. */
  readonly kinds: ReadonlyMap<CellKind, number>;
  /** Notes for the reader of the summary. */
  readonly notes: readonly string[];
}

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

/** @param typed true for JSON values, false for the fields of a CSV text */
export function columnValues(cells: readonly Cell[], typed: boolean): ColumnValues {
  const kindOf = typed ? kindOfValue : kindOfText;
  const kindsByRow = cells.map(kindOf);
  const seen = new Set(kindsByRow);
  const hasCodes = seen.has('code');
  const counted: Partial<Record<CellKind, CellKind>> = {
    // One code makes all digits of its column codes: 10001 beside 00501 is text too.
    ...(hasCodes && { integer: 'code' }),
    // Among words, "True" is a word: it is a town in West Virginia.
    ...(!typed && seen.has('string') && { boolean: 'string' }),
  };
  const kinds = new Map<CellKind, number>();
  for (const kind of kindsByRow) {
    if (kind === 'missing') continue;
    const as = counted[kind] ?? kind;
    kinds.set(as, (kinds.get(as) ?? 0) + 1);
  }
  const [type] = TYPES.find(([, allowed]) => [...kinds.keys()].every((kind) => allowed.has(kind))) ?? [
    'mixed' as const,
  ];
  const values = cells.map((cell, row) => (kindsByRow[row] === 'missing' ? null : typedValue(cell, type)));
  return { type, values, kinds, notes: notesOn(values, { hasCodes, typed }) };
}

function typedValue(cell: Cell, type: ColumnType): Cell {
  if (typeof cell !== 'string') return cell;
  if (type === 'integer' || type === 'number') return Number(cell);
  if (type === 'boolean') return cell.trim().toLowerCase() === 'true';
  return type === 'date' || type === 'datetime' ? cell.trim() : cell;
}

function notesOn(
  values: readonly Cell[],
  { hasCodes, typed }: { hasCodes: boolean; typed: boolean },
): string[] {
  const rounded = typed && values.some((value) => Number.isInteger(value) && !Number.isSafeInteger(value));
  return [...(hasCodes ? [NOTES.codes] : []), ...(rounded ? [NOTES.rounded] : [])];
}
