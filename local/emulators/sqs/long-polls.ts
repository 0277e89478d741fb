export interface Poll {
  /** How long to wait for the first message. */
  readonly waitSeconds: number;
  /** Aborted when nobody waits for the answer any more: the poll then takes nothing. */
  readonly signal?: AbortSignal | undefined;
}

/** Receivers that wait for messages. They are served in the order in which they came. */
export class LongPolls<P extends Poll, M> {
  readonly #take: (poll: P) => M[];
  readonly #nextChange: () => number | undefined;
  readonly #waiting = new Map<P, (messages: M[]) => void>();
  #isServing = false;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param take messages that are there now
   * @param nextChange when messages become visible by themselves, in milliseconds since the epoch
   */
  constructor(take: (poll: P) => M[], nextChange: () => number | undefined) {
    this.#take = take;
    this.#nextChange = nextChange;
  }

  /** Answers as soon as there are messages, and with none when the time is over. */
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

  /** Serves after this turn of the event loop: messages that are sent together are received together. */
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
