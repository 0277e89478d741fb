/**
 * Counts terms in bounded memory. Up to `max` distinct terms the counts are exact. Beyond, the rarer half of the terms is dropped, and
 * all counts are lowered by the count of the commonest dropped term ("frequent items" of Misra and Gries, many at a time). A count is
 * then too low by at most `error`, and no term that occurs more often than `error` is missing.
 */
export class FrequentTerms {
  readonly #max: number;
  #counts = new Map<string, number>();
  /** The count may be too low by so much. 0: all counts are exact. */
  error = 0;

  constructor(max: number) {
    this.#max = max;
  }

  add(term: string): void {
    const count = this.#counts.get(term);
    if (count === undefined && this.#counts.size >= this.#max) this.#drop();
    this.#counts.set(term, (this.#counts.get(term) ?? 0) + 1);
  }

  get distinct(): number {
    return this.#counts.size;
  }

  /** Returns the terms with the highest counts. Equal counts are in the order of the terms. */
  top(size: number): [term: string, count: number][] {
    return [...this.#counts].sort(([a, one], [b, other]) => other - one || (a < b ? -1 : 1)).slice(0, size);
  }

  #drop(): void {
    const counts = Float64Array.from(this.#counts.values()).sort();
    const median = counts[Math.floor(counts.length / 2)] ?? 0;
    this.error += median;
    for (const [term, count] of this.#counts) {
      if (count > median) this.#counts.set(term, count - median);
      else this.#counts.delete(term);
    }
  }
}
