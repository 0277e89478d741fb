import { setTimeout as sleep } from 'node:timers/promises';

/** A stream of states of several things, of which watchers need the latest. */
export type LatestOnly<State> = {
  /** Takes note of a state. One that is older than what is known already is none. */
  tell: (state: State) => void;
  /** Sends what is held back, but for what others have told of meanwhile. Never rejects. */
  flush: () => Promise<void>;
};

type Timed = {
  id: string;
  seq: number;
  /** Whether it is this state's turn to be sent, of all that everybody tells. Undefined where nobody knows. */
  isTurn?: boolean;
};

type Feed<State> = { seq: number; held: State | undefined; sentAt: number; timer?: NodeJS.Timeout };

/** Milliseconds in which somebody else may have a newer state: then it is theirs to send. */
const LULL = 50;

/**
 * Sends at most one state of each thing in an interval, the first at once and the last always.
 *
 * @param intervalMs between two states of one thing
 * @param stillAt    which of these states nobody has changed since: when others tell of the same things. States that say
 *   whose turn it is are then sent in their turn, and the last of all by who has it.
 */
export function latestOnly<State extends Timed>(
  send: (state: State) => void,
  intervalMs: number,
  stillAt?: (states: readonly State[]) => Promise<readonly string[]>,
): LatestOnly<State> {
  const feeds = new Map<string, Feed<State>>();
  const asking = new Set<Promise<void>>();

  const take = (feed: Feed<State>): State[] => {
    clearTimeout(feed.timer);
    delete feed.timer;
    const { held } = feed;
    feed.held = undefined;
    return held ? [held] : [];
  };
  const release = (feed: Feed<State>): void => {
    for (const state of take(feed)) {
      feed.sentAt = performance.now();
      send(state);
    }
  };
  const isOthers = ({ held }: Feed<State>) => stillAt !== undefined && held?.isTurn === false;
  /** Sends those that are still the last of all. */
  const sendLast = async (states: readonly State[]): Promise<void> => {
    if (!stillAt || states.length === 0) return;
    // A frame too many rather than none.
    const last = await stillAt(states).catch(() => states.map(({ id }) => id));
    for (const state of states) if (last.includes(state.id)) send(state);
  };
  const settle = (feed: Feed<State>): void => {
    if (isOthers(feed)) {
      const sent = sendLast(take(feed)).then(() => void asking.delete(sent));
      asking.add(sent);
    } else release(feed);
  };

  return {
    tell(state) {
      const feed = feeds.get(state.id) ?? { seq: 0, held: undefined, sentAt: Number.NEGATIVE_INFINITY };
      feeds.set(state.id, feed);
      if (state.seq <= feed.seq) return;
      feed.seq = state.seq;
      feed.held = state;
      const isTurn = stillAt && state.isTurn;
      const wait = isTurn === undefined ? feed.sentAt + intervalMs - performance.now() : intervalMs;
      if (isTurn || wait <= 0) release(feed);
      else feed.timer ??= setTimeout(settle, wait, feed);
    },
    async flush() {
      const others: State[] = [];
      for (const feed of feeds.values()) {
        if (isOthers(feed)) others.push(...take(feed));
        else release(feed);
      }
      feeds.clear();
      if (others.length > 0) await sleep(LULL);
      await Promise.all([sendLast(others), ...asking]);
    },
  };
}
