/** Longest delay that a server can ask for. */
const LONGEST_RETRY_AFTER_SECONDS = 24 * 60 * 60;

/**
 * Reads `Retry-After`: seconds, or a date (RFC 9110, 10.2.3).
 *
 * @returns whole seconds in [0, 86400]; 0 when the header is absent, past or unreadable
 */
export function retryAfterSeconds(header: string | undefined, now: Date): number {
  if (header === undefined) return 0;
  const text = header.trim();
  const seconds = /^\d+$/.test(text) ? Number(text) : secondsUntil(text, now);
  return Math.min(Math.max(Math.ceil(seconds), 0), LONGEST_RETRY_AFTER_SECONDS);
}

/** HTTP dates begin with the name of the day. `Date.parse` alone would also read `-5` or `1.5` as a year or a day. */
function secondsUntil(text: string, now: Date): number {
  const then = /^[A-Z][a-z]+,? /.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(then) ? 0 : (then - now.getTime()) / 1000;
}
