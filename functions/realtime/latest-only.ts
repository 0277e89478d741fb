/** A stream of states of several things, of which watchers need the latest. */
export type LatestOnly<State> = {
  /** Takes note of a state. One that is older than what is known already is none. */
  tell: (state: State) => void;
  /** Sends what is held back. */
  flush: () => void;
};

type Feed<State> = { seq: number; held: State | undefined; sentAt: number; timer?: NodeJS.Timeout };

/**
 * Sends at most one state of each thing in an interval, the first at once and the last always.
 *
 * @param intervalMs between two states of one thing
 */
export function latestOnly<State extends { id: string; seq: number }>(
  send: (state: State) => void,
  intervalMs: number,
): LatestOnly<State> {
  const feeds = new Map<string, Feed<State>>();

  const release = (feed: Feed<State>): void => {
    clearTimeout(feed.timer);
    delete feed.timer;
    const { held } = feed;
    if (!held) return;
    feed.held = undefined;
    feed.sentAt = performance.now();
    send(held);
  };

  return {
    tell(state) {
      const feed = feeds.get(state.id) ?? { seq: 0, held: undefined, sentAt: Number.NEGATIVE_INFINITY };
      feeds.set(state.id, feed);
      if (state.seq <= feed.seq) return;
      feed.seq = state.seq;
      feed.held = state;
      const wait = feed.sentAt + intervalMs - performance.now();
      if (wait <= 0) release(feed);
      else feed.timer ??= setTimeout(release, wait, feed);
    },
    flush() {
      for (const feed of feeds.values()) release(feed);
      feeds.clear();
    },
  };
}
