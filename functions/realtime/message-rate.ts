/** Messages that a connection may send at once: enough to subscribe to all that it may watch. */
export const MESSAGE_BURST = 200;

/** Messages a second that a connection may send for ever. */
export const MESSAGES_PER_SECOND = 10;

/** Connections that are remembered before those are forgotten that have been silent. */
const REMEMBERED = 1_000;

/** Milliseconds of silence after which the whole burst is allowed again. */
const REFILL_MS = (MESSAGE_BURST / MESSAGES_PER_SECOND) * 1000;

/** `exceeded` is answered once for a connection, then `ended`. */
type Verdict = 'within' | 'exceeded' | 'ended';

/**
 * Counts the messages of each connection, as a bucket that holds a burst and is refilled by the second. Each sandbox
 * has its own count, so that a message costs no statement: a connection whose messages go to several sandboxes may send
 * as many to each.
 *
 * @returns counts one message
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
    // A clock that is set back refills nothing, and takes nothing away.
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
