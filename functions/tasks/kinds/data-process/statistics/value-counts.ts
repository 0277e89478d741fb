import { createHash } from 'node:crypto';
import type { Cell } from '../table/cell.ts';
import { copyOf } from '../table/copy-of.ts';
import { DistinctSketch } from './distinct-sketch.ts';

/** Different values of a column of a large table that are counted one by one. */
export const COUNTED_VALUES = 1_000;

/** Largest error of an estimated count, as a share of the column's values: each loss takes from at least half of the counters. */
export const COUNT_ERROR = 2 / COUNTED_VALUES;

const KEPT_UNITS = 128;

/** Counts different values. */
export interface DistinctCounter {
  add(value: Cell): void;
  readonly distinct: number;
  /** False when `distinct` is an estimate. */
  readonly isExact: boolean;
}

/** Counts different numbers or times: exactly up to `limit` of them, and above that by a sketch. */
export class DistinctValues implements DistinctCounter {
  readonly #limit: number;
  #values: Set<Cell> | undefined = new Set();
  #sketch: DistinctSketch | undefined;

  /** @param limit undefined to count all */
  constructor(limit: number = Number.POSITIVE_INFINITY) {
    this.#limit = limit;
  }

  add(value: Cell): void {
    this.#sketch?.add(value);
    if (!this.#values) return;
    this.#values.add(copyOf(value));
    if (this.#values.size <= this.#limit) return;
    this.#sketch = new DistinctSketch();
    for (const each of this.#values) this.#sketch.add(each);
    this.#values = undefined;
  }

  get isExact(): boolean {
    return this.#sketch === undefined;
  }

  get distinct(): number {
    return this.#sketch?.estimate ?? this.#values?.size ?? 0;
  }
}

/**
 * Counts how often each value comes. Above `limit` different values, the counts become lower bounds, and the number of different
 * values an estimate: whenever the counters are full, all counts lose what the middle one has, and those without a rest go.
 *
 * @see Misra and Gries, Finding repeated elements, 1982, https://doi.org/10.1016/0167-6423(82)90012-0
 * @see Anderson et al., A high-performance algorithm for identifying frequent items in data streams, 2017,
 *   https://arxiv.org/abs/1705.07001
 */
export class ValueCounts implements DistinctCounter {
  readonly #limit: number;
  readonly #counts = new Map<Cell, number>();
  #sketch: DistinctSketch | undefined;
  /** The most by which a count may be too small. */
  #lost = 0;

  /** @param limit undefined to count all */
  constructor(limit: number = Number.POSITIVE_INFINITY) {
    this.#limit = limit;
  }

  add(value: Cell): void {
    const key = keyOf(value);
    this.#sketch?.add(key);
    const count = this.#counts.get(key);
    if (count !== undefined) {
      this.#counts.set(key, count + 1);
      return;
    }
    this.#counts.set(copyOf(key), 1);
    if (this.#counts.size > this.#limit) this.#lose();
  }

  #lose(): void {
    if (!this.#sketch) {
      this.#sketch = new DistinctSketch();
      for (const value of this.#counts.keys()) this.#sketch.add(value);
    }
    const counts = Float64Array.from(this.#counts.values()).sort();
    const middle = counts[Math.floor(counts.length / 2)] ?? 0;
    this.#lost += middle;
    for (const [value, count] of this.#counts) {
      if (count <= middle) this.#counts.delete(value);
      else this.#counts.set(value, count - middle);
    }
  }

  get isExact(): boolean {
    return this.#sketch === undefined;
  }

  get distinct(): number {
    return this.#sketch?.estimate ?? this.#counts.size;
  }

  /**
   * Returns the most frequent values; of equally frequent ones the smaller comes first (by UTF-16 code units). When the counts are
   * lower bounds, only values that are certainly more frequent than all that were not counted.
   */
  mostFrequent(many: number): { value: Cell; count: number }[] {
    return [...this.#counts]
      .filter(([, count]) => count > this.#lost)
      .sort(([a, countOfA], [b, countOfB]) => countOfB - countOfA || compareText(String(a), String(b)))
      .slice(0, many)
      .map(([value, count]) => ({ value, count }));
  }
}

/** Returns a short key for a long text: its beginning, which is shown, and a digest. No cell has NUL. */
function keyOf(value: Cell): Cell {
  if (typeof value !== 'string' || value.length <= 2 * KEPT_UNITS) return value;
  const digest = createHash('sha256').update(value, 'utf16le').digest('base64');
  return `${value.slice(0, KEPT_UNITS)}\0${digest}`;
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
