interface Entry<T> {
  readonly value: T;
  readonly time: number;
  /** Breaks ties: among equal times, the entry that was added first comes first. */
  readonly order: number;
}

/** Values ordered by their due time, in a heap. A value may be removed before its time. */
export class TimeLine<T> {
  #heap: Entry<T>[] = [];
  /** The current entry of each value. A heap entry that differs from it was removed or replaced, and is skipped. */
  readonly #valid = new Map<T, Entry<T>>();
  #added = 0;

  get size(): number {
    return this.#valid.size;
  }

  /** The earliest time. */
  get first(): number | undefined {
    this.#passOverRemoved();
    return this.#heap[0]?.time;
  }

  /** Adds a value, or changes its time. */
  add(value: T, time: number): void {
    const entry = { value, time, order: this.#added++ };
    this.#valid.set(value, entry);
    this.#heap.push(entry);
    this.#rise(this.#heap.length - 1);
  }

  remove(value: T): void {
    this.#valid.delete(value);
    // A removed entry stays in the heap until its time, unless removed entries are most of the heap.
    if (this.#heap.length > 64 && this.#heap.length > 4 * this.#valid.size) {
      this.#heap = [...this.#valid.values()].sort(compare);
    }
  }

  /** Removes and yields the values that are due at `time`, in order. */
  *until(time: number): Generator<T> {
    for (let first = this.first; first !== undefined && first <= time; first = this.first) {
      const [entry] = this.#heap;
      if (!entry) return;
      this.#valid.delete(entry.value);
      this.#dropFirst();
      yield entry.value;
    }
  }

  clear(): void {
    this.#heap = [];
    this.#valid.clear();
  }

  #passOverRemoved(): void {
    for (let [entry] = this.#heap; entry && this.#valid.get(entry.value) !== entry; [entry] = this.#heap) {
      this.#dropFirst();
    }
  }

  #dropFirst(): void {
    const last = this.#heap.pop();
    if (!last || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink(0);
  }

  #rise(from: number): void {
    for (let index = from; index > 0; ) {
      const parent = (index - 1) >> 1;
      if (!this.#swapIfEarlier(index, parent)) return;
      index = parent;
    }
  }

  #sink(from: number): void {
    for (let index = from; ; ) {
      const [left, right] = [this.#heap[2 * index + 1], this.#heap[2 * index + 2]];
      if (!left) return;
      const child = right && compare(right, left) < 0 ? 2 * index + 2 : 2 * index + 1;
      if (!this.#swapIfEarlier(child, index)) return;
      index = child;
    }
  }

  #swapIfEarlier(child: number, parent: number): boolean {
    const [below, above] = [this.#heap[child], this.#heap[parent]];
    if (!below || !above || compare(below, above) >= 0) return false;
    this.#heap[parent] = below;
    this.#heap[child] = above;
    return true;
  }
}

function compare(a: Entry<unknown>, b: Entry<unknown>): number {
  return a.time - b.time || a.order - b.order;
}
