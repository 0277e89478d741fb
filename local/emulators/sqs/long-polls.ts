export interface Poll {
  /** Seconds to wait for the first message. */
  readonly waitSeconds: number;
  /** Aborted when the client no longer waits for the answer. The poll then takes no messages. */
  readonly signal?: AbortSignal | undefined;
}

/** Receivers that wait for messages. They are served in the order of their arrival. */
export class LongPolls<P extends Poll, M> {
  readonly #take: (poll: P) => M[];
  readonly #nextChange: () => number | undefined;
  readonly #waiting = new Map<P, (messages: M[]) => void>();
  #isServing = false;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param take takes messages that are visible now
   * @param nextChange time when the next message becomes visible by itself, in milliseconds since the epoch
   */
  constructor(take: (poll: P) => M[], nextChange: () => number | undefined) {
    this.#take = take;
    this.#nextChange = nextChange;
  }

  /** Resolves as soon as there are messages, or with none when the time is over. */
  async receive(poll: P): Promise<M[]> {
    const messages = this.#take(poll);
    if (messages.length > 0 || poll.waitSeconds === 0) return messages;
    return new Promise((resolve) => {
      const end = (found: M[]) => {
        clearTimeout(timeout);
        poll.signal?.removeEventListener('abort', giveUp);
        this.#waiting.delete(poll);
        resolve(found);
      };
      const giveUp = () => end([]);
      const timeout = setTimeout(giveUp, poll.waitSeconds * 1000);
      poll.signal?.addEventListener('abort', giveUp);
      this.#waiting.set(poll, end);
      this.#awaitNextChange();
    });
  }

  /** Serves after this turn of the event loop, so that messages that are sent together are received together. */
  serveSoon(): void {
    if (this.#isServing || this.#waiting.size === 0) return;
    this.#isServing = true;
    setImmediate(() => {
      this.#isServing = false;
      this.#serve();
    });
  }

  #serve(): void {
    for (const [poll, answer] of this.#waiting) {
      const messages = this.#take(poll);
      if (messages.length === 0) break;
      answer(messages);
    }
    this.#awaitNextChange();
  }

  #awaitNextChange(): void {
    clearTimeout(this.#timer);
    const at = this.#waiting.size > 0 ? this.#nextChange() : undefined;
    if (at !== undefined) this.#timer = setTimeout(() => this.#serve(), Math.max(0, at - Date.now()));
  }
}
