/** Messages that a connection may send at once: enough to subscribe to everything that it may watch. */
export const MESSAGE_BURST = 200;

/** Messages per second that a connection may send permanently. */
export const MESSAGES_PER_SECOND = 10;

/** Connections that are remembered before silent ones are forgotten. */
const REMEMBERED = 1_000;

/** Milliseconds of silence after which the whole burst is allowed again. */
const REFILL_MS = (MESSAGE_BURST / MESSAGES_PER_SECOND) * 1000;

/** A connection gets `exceeded` once, and `ended` afterwards. */
type Verdict = 'within' | 'exceeded' | 'ended';

/**
 * Limits the messages of each connection with a token bucket: it holds a burst and is refilled every second. Each sandbox
 * keeps its own count, so that a message needs no statement. A connection whose messages reach several sandboxes may
 * therefore send this many to each.
 *
 * @returns a function that counts one message
 */
export function messageRate(now: () => number = Date.now): (connectionId: string) => Verdict {
  const buckets = new Map<string, { left: number; at: number; ended: boolean }>();
  return (connectionId) => {
    const at = now();
    if (buckets.size >= REMEMBERED) {
      for (const [id, bucket] of buckets) if (at - bucket.at >= REFILL_MS) buckets.delete(id);
    }
    const bucket = buckets.get(connectionId) ?? { left: MESSAGE_BURST, at, ended: false };
    buckets.set(connectionId, bucket);
    if (bucket.ended) return 'ended';
    // A clock that is set back neither refills the bucket nor takes messages away.
    const refilled = (Math.max(0, at - bucket.at) / 1000) * MESSAGES_PER_SECOND;
    bucket.left = Math.min(MESSAGE_BURST, bucket.left + refilled);
    bucket.at = at;
    if (bucket.left >= 1) {
      bucket.left -= 1;
      return 'within';
    }
    bucket.ended = true;
    return 'exceeded';
  };
}
