/**
 * The sandbox of a function, which may stop at any moment. Its timers and the answers to its requests reach it only while it
 * lives.
 */
export type Sandbox = {
  readonly name: string;
  /** Milliseconds by which its clock is off. */
  readonly skewMilliseconds: number;
  alive: boolean;
  /** Time until which it is frozen. Its events happen afterwards. */
  frozenUntil: number;
};

type Event = { at: number; order: number; owner: Sandbox | undefined; run: (() => void) | undefined };

/** A clock that moves only from event to event. The order of events depends only on when they were requested. */
export class Clock {
  /** Milliseconds. */
  now = 0;
  readonly #events: Event[] = [];
  #order = 0;

  /**
   * Schedules an event.
   *
   * @param owner the sandbox that the event is for; undefined for an event that does not depend on a sandbox
   * @returns a function that prevents the event
   */
  after(milliseconds: number, owner: Sandbox | undefined, run: () => void): () => void {
    const at = this.now + Math.max(0, milliseconds);
    this.#order += 1;
    const event: Event = { at, order: this.#order, owner, run };
    this.#push(event);
    return () => {
      event.run = undefined;
    };
  }

  /** Moves to the next event and runs it. Returns false when there are no more events. */
  step(enter: (owner: Sandbox | undefined, run: () => void) => void): boolean {
    const event = this.#pop();
    if (!event) return false;
    const { owner, run } = event;
    if (!run || owner?.alive === false) return true;
    if (owner && owner.frozenUntil > event.at) {
      this.#push({ ...event, at: owner.frozenUntil });
      event.run = undefined;
      return true;
    }
    this.now = event.at;
    event.run = undefined;
    enter(owner, run);
    return true;
  }

  #before(one: Event, other: Event): boolean {
    return one.at < other.at || (one.at === other.at && one.order < other.order);
  }

  #push(event: Event): void {
    const heap = this.#events;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Event;
      if (!this.#before(event, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): Event | undefined {
    const heap = this.#events;
    const first = heap[0];
    const last = heap.pop();
    if (!first || !last || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      const [left, right] = [heap[child], heap[child + 1]];
      if (!left) break;
      if (right && this.#before(right, left)) child += 1;
      const below = heap[child] as Event;
      if (!this.#before(below, last)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}
