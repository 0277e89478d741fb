/** A JSON value nested deeper is not passed on: recursive code elsewhere would overflow on it. */
const MAX_JSON_DEPTH = 64;

const NUL = '\u0000';

/**
 * What makes a JSON value unfit for storage: `jsonb` refuses NUL and half surrogate pairs, numbers are finite, and depth is
 * bounded.
 *
 * @returns the broken rule, or undefined
 */
export function jsonFault(value: unknown): string | undefined {
  const waiting: { value: unknown; depth: number }[] = [{ value, depth: 1 }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (typeof next.value === 'string') {
      const fault = textFault(next.value);
      if (fault !== undefined) return fault;
    }
    // A number such as 1e400: JSON has no infinity, and `null` would be stored.
    if (next.value === Infinity || next.value === -Infinity) return 'Must be a number below 1.8e308';
    if (typeof next.value !== 'object' || next.value === null) continue;
    if (next.depth > MAX_JSON_DEPTH) return `Must not be nested deeper than ${MAX_JSON_DEPTH} levels`;
    for (const [key, member] of Object.entries(next.value)) {
      const fault = textFault(key);
      if (fault !== undefined) return fault;
      waiting.push({ value: member, depth: next.depth + 1 });
    }
  }
  return undefined;
}

export function textFault(text: string): string | undefined {
  if (text.includes(NUL)) return 'Must not contain NUL characters';
  if (!text.isWellFormed()) return 'Must not contain half of a surrogate pair';
  return undefined;
}
