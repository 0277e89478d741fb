import TinyQueue from 'tinyqueue';

interface Entry<T> {
  readonly value: T;
  readonly time: number;
  /** Breaks ties: among equal times, the entry that was added first comes first. */
  readonly order: number;
}

/** Values ordered by their due time. A value may be removed before its time. */
export class TimeLine<T> {
  #entries = new TinyQueue<Entry<T>>([], compare);
  /** The current entry of each value. An entry that differs from it was removed or replaced, and is skipped. */
  readonly #valid = new Map<T, Entry<T>>();
  #added = 0;

  get size(): number {
    return this.#valid.size;
  }

  /** The earliest time. */
  get first(): number | undefined {
    this.#passOverRemoved();
    return this.#entries.peek()?.time;
  }

  /** Adds a value, or changes its time. */
  add(value: T, time: number): void {
    const entry = { value, time, order: this.#added++ };
    this.#valid.set(value, entry);
    this.#entries.push(entry);
  }

  remove(value: T): void {
    this.#valid.delete(value);
    // A removed entry stays in the queue until its time, unless removed entries are most of the queue.
    if (this.#entries.length > 64 && this.#entries.length > 4 * this.#valid.size) {
      this.#entries = new TinyQueue([...this.#valid.values()], compare);
    }
  }

  /** Removes and yields the values that are due at `time`, in order. */
  *until(time: number): Generator<T> {
    for (let first = this.first; first !== undefined && first <= time; first = this.first) {
      const entry = this.#entries.pop();
      if (!entry) return;
      this.#valid.delete(entry.value);
      yield entry.value;
    }
  }

  clear(): void {
    this.#entries = new TinyQueue<Entry<T>>([], compare);
    this.#valid.clear();
  }

  #passOverRemoved(): void {
    for (let entry = this.#entries.peek(); entry; entry = this.#entries.peek()) {
      if (this.#valid.get(entry.value) === entry) return;
      this.#entries.pop();
    }
  }
}

function compare(a: Entry<unknown>, b: Entry<unknown>): number {
  return a.time - b.time || a.order - b.order;
}
