import type { Cell } from './cell.ts';

/** Takes the cells of a row, by the index of their columns. A cell that is missing may be undefined. Keep no reference to the list. */
export type TakeRow = (cells: readonly (Cell | undefined)[]) => void;

/** Called between slices of the work: it gives way to timers and messages, and writes what waits. @param share read so far, 0 to 1 */
export type Pause = (share: number) => Promise<void>;

/** The rows of a table. They can be read repeatedly, always in the same order. */
export interface Rows {
  /** True for JSON values, which have a type. False for text whose type must be guessed. */
  readonly typed: boolean;
  /**
   * The columns in the order of their first appearance, as far as rows were read: the columns of a row are there before the row is
   * taken.
   */
  readonly columns: readonly string[];
  read(take: TakeRow, pause: Pause): Promise<ReadRows>;
}

/** Facts from one reading. */
export type ReadRows = {
  readonly rows: number;
  /** Bytes of the content, unpacked. */
  readonly bytes: number;
  /** Malformed rows that were left out, and where the first of them is. */
  readonly skipped: number;
  readonly firstSkipped?: { readonly line: number; readonly rule: string } | undefined;
};
