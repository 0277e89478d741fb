import type { Runners } from './process-pool/pool.ts';

/** Milliseconds between two claims of parked tasks whose rows are locked although runners are free. */
const RETRY_MILLISECONDS = 50;

/** Milliseconds between two looks at the runners while none is free. */
const LOOK_MILLISECONDS = 1_000;

/** Seconds without a free runner after which another worker may be faster. */
const LONGEST_SECONDS = 30;

/** Isolated tasks of an invocation that wait for a free runner. They are not claimed yet. */
export class ParkedTasks {
  readonly #runners: Pick<Runners, 'free'>;
  readonly #now: () => number;
  #ids: string[] = [];
  #lastFreeAt: number;
  #nextClaimAt = 0;

  /** @param now milliseconds of a monotonic clock */
  constructor(runners: Pick<Runners, 'free'>, now: () => number = () => performance.now()) {
    this.#runners = runners;
    this.#now = now;
    this.#lastFreeAt = now();
  }

  get size(): number {
    return this.#ids.length;
  }

  add(id: string): void {
    this.#ids.push(id);
  }

  /** Takes as many tasks as there are free runners. These tasks can be claimed now. */
  takeClaimable(): string[] {
    const free = this.#runners.free();
    if (free === 0) return [];
    this.#lastFreeAt = this.#now();
    return this.#lastFreeAt < this.#nextClaimAt ? [] : this.#ids.splice(0, free);
  }

  /** Takes all tasks, when no runner has become free for too long. Other workers should run these tasks. */
  takeOverdue(): string[] {
    return this.#now() - this.#lastFreeAt > LONGEST_SECONDS * 1000 ? this.takeAll() : [];
  }

  takeAll(): string[] {
    return this.#ids.splice(0);
  }

  /**
   * Notes the end of a claim. If it has used none of the free runners, the rows are locked: the next claim waits a moment.
   *
   * @param freeBefore runners that were free when the claim began
   */
  claimEnded(freeBefore: number): void {
    const free = this.#runners.free();
    this.#nextClaimAt = free > 0 && free === freeBefore ? this.#now() + RETRY_MILLISECONDS : 0;
  }

  /** Milliseconds until the next look at the runners; undefined when nothing is parked. */
  nextLookIn(): number | undefined {
    if (this.#ids.length === 0) return undefined;
    return this.#runners.free() > 0 ? RETRY_MILLISECONDS : LOOK_MILLISECONDS;
  }
}
