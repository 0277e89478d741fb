import { PermanentError } from '../../../define-task.ts';
import { compareCells } from '../statistics/groups.ts';
import { MAX_SORTED_BYTES, MAX_SORTED_ROWS } from '../table/bounds.ts';
import type { Cell } from '../table/cell.ts';
import { copyOf } from '../table/copy-of.ts';

type Sorted = { readonly keys: readonly Cell[]; readonly line: Buffer; readonly bytes: number };

/** Sorts lines in memory. Lines with equal keys keep their order; missing values come last in both directions. */
export class LineSorter {
  readonly #order: (a: Sorted, b: Sorted) => number;
  readonly #limit: number;
  /** Times the bounds that are kept: lines beyond a limit are dropped now and then, not one by one. */
  readonly #spare: number;
  #lines: Sorted[] = [];
  #bytes = 0;

  /**
   * @param descending for each key
   * @param limit only so many lines are wanted
   */
  constructor(descending: readonly boolean[], limit = Number.POSITIVE_INFINITY) {
    this.#order = orderOf(descending);
    this.#limit = limit;
    this.#spare = limit === Number.POSITIVE_INFINITY ? 1 : 2;
  }

  /** @throws PermanentError `too_many_to_sort` */
  add(keys: readonly Cell[], text: string): void {
    const line = Buffer.from(text);
    const keyBytes = keys.reduce<number>((sum, key) => sum + (typeof key === 'string' ? key.length : 0), 0);
    const bytes = line.length + keyBytes;
    this.#lines.push({ keys: keys.map(copyOf), line, bytes });
    this.#bytes += bytes;
    if (this.#isWithin(this.#spare) && this.#lines.length < this.#spare * this.#limit) return;
    this.#keepFirst();
    if (!this.#isWithin(1)) {
      throw new PermanentError(
        'too_many_to_sort',
        `More than ${MAX_SORTED_ROWS} rows or ${MAX_SORTED_BYTES} bytes to sort: narrow \`where\`, or give \`limit\``,
        { details: { rows: MAX_SORTED_ROWS, bytes: MAX_SORTED_BYTES } },
      );
    }
  }

  #isWithin(times: number): boolean {
    return this.#lines.length <= times * MAX_SORTED_ROWS && this.#bytes <= times * MAX_SORTED_BYTES;
  }

  #keepFirst(): void {
    this.#lines.sort(this.#order);
    if (this.#lines.length <= this.#limit) return;
    this.#lines = this.#lines.slice(0, this.#limit);
    this.#bytes = this.#lines.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  get sorted(): string[] {
    this.#keepFirst();
    return this.#lines.map(({ line }) => line.toString());
  }
}

function orderOf(descending: readonly boolean[]) {
  return (a: Pick<Sorted, 'keys'>, b: Pick<Sorted, 'keys'>): number => {
    for (const [index, isDescending] of descending.entries()) {
      const [left, right] = [a.keys[index] ?? null, b.keys[index] ?? null];
      const order = compareCells(left, right);
      if (order !== 0) return isDescending && left !== null && right !== null ? -order : order;
    }
    return 0;
  };
}
