import type { Cell } from './cell.ts';

/** Copies a value that is kept. The text of a cell is part of a larger text, which it would keep in memory, too. */
export function copyOf(value: Cell): Cell {
  // V8 copies shorter texts by itself.
  return typeof value === 'string' && value.length >= SLICED_FROM
    ? Buffer.from(value, 'utf16le').toString('utf16le')
    : value;
}

/** Length from which V8 makes a part of a text refer to the whole (`SlicedString::kMinLength`). */
const SLICED_FROM = 13;
