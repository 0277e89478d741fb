import type { Task } from '../task.ts';
import type { Running } from './heartbeat.ts';

/** Attempts that one invocation runs side by side. In addition, it runs as many attempts that only wait for the network. */
const AT_ONCE = 100;

/** The attempts that an invocation runs at this moment. */
export class RunningAttempts {
  /** Attempts by the ids of their tasks, for the heartbeat. */
  readonly byId: Map<string, Running>;
  readonly #run: (task: Task, interrupt: AbortSignal) => Promise<void>;
  readonly #ends = new Set<Promise<void>>();
  #waitingForNetwork = 0;
  #failure: { error: unknown } | undefined;

  /** @param run runs an attempt and stores its outcome. Rejects when the outcome could not be stored */
  constructor(run: (task: Task, interrupt: AbortSignal) => Promise<void>, byId = new Map<string, Running>()) {
    this.#run = run;
    this.byId = byId;
  }

  get size(): number {
    return this.#ends.size;
  }

  /** One promise for each attempt. It resolves when the attempt has ended, and never rejects. */
  get ends(): ReadonlySet<Promise<void>> {
    return this.#ends;
  }

  /** True when there are attempts, and all of them only wait for the network. */
  get onlyWaitForNetwork(): boolean {
    return this.#ends.size > 0 && this.#waitingForNetwork === this.#ends.size;
  }

  /** Number of further attempts that only wait for the network and that may start. */
  get freeNetworkPlaces(): number {
    return AT_ONCE - this.#waitingForNetwork;
  }

  /** Number of further attempts that may start. @param alone an attempt starts only when no other one runs */
  freePlaces(alone: boolean): number {
    return alone ? 1 - this.#ends.size : AT_ONCE - this.#ends.size + this.#waitingForNetwork;
  }

  start(task: Task): void {
    const interrupt = new AbortController();
    const waits = task.waitsForNetwork;
    this.byId.set(task.id, { id: task.id, attempt: task.attempt, interrupt });
    if (waits) this.#waitingForNetwork += 1;
    const end = this.#run(task, interrupt.signal)
      // The other attempts go on. The messages come again.
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .then(() => {
        this.byId.delete(task.id);
        if (waits) this.#waitingForNetwork -= 1;
        this.#ends.delete(end);
      });
    this.#ends.add(end);
  }

  /** Resolves when all attempts have ended. Never rejects. */
  async allEnded(): Promise<void> {
    await Promise.all(this.#ends);
  }

  /** @throws the first error of an outcome that could not be stored */
  throwFailure(): void {
    if (this.#failure) throw this.#failure.error;
  }
}
