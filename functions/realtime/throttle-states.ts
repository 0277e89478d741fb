/** Limits how often the states of items are sent. Watchers need only the latest state of each item. */
export type StateThrottle<State> = {
  /** Sends a state now or later, unless a newer state of the same item was offered before. */
  offer: (state: State) => void;
  /** Sends all waiting states immediately, and forgets everything that was offered. */
  flush: () => void;
};

type Feed<State> = { seq: number; waiting: State | undefined; sentAt: number; timer?: NodeJS.Timeout };

/**
 * Sends at most one state of each item per interval: the first one immediately, later the latest one. The last state is
 * always sent.
 *
 * @param intervalMs milliseconds between two states of one item
 */
export function throttleStates<State extends { id: string; seq: number }>(
  send: (state: State) => void,
  intervalMs: number,
): StateThrottle<State> {
  const feeds = new Map<string, Feed<State>>();

  const sendWaiting = (feed: Feed<State>): void => {
    clearTimeout(feed.timer);
    delete feed.timer;
    const state = feed.waiting;
    if (!state) return;
    feed.waiting = undefined;
    feed.sentAt = performance.now();
    send(state);
  };

  return {
    offer(state) {
      const feed = feeds.get(state.id) ?? { seq: 0, waiting: undefined, sentAt: Number.NEGATIVE_INFINITY };
      feeds.set(state.id, feed);
      if (state.seq <= feed.seq) return;
      feed.seq = state.seq;
      feed.waiting = state;
      const wait = feed.sentAt + intervalMs - performance.now();
      if (wait <= 0) sendWaiting(feed);
      else feed.timer ??= setTimeout(sendWaiting, wait, feed);
    },
    flush() {
      for (const feed of feeds.values()) sendWaiting(feed);
      feeds.clear();
    },
  };
}
