/** Bounds of a JSON value that somebody sends. */
export const JSON_LIMITS = {
  /** Levels of objects and arrays: recursive code elsewhere would overflow on thousands. */
  depth: 32,
  /** Members and elements in all. */
  nodes: 250_000,
} as const;

/** Where a JSON value is unfit (a JSON pointer, RFC 6901), and which rule it breaks. */
export type JsonFault = { pointer: string; detail: string };

/** A value and where it stands: its pointer is only put together when somebody must be told. */
type Place = { value: unknown; key: string; within: Place | undefined; depth: number };

/**
 * What makes a parsed JSON value unfit to be worked with and stored: too many values or levels, keys that change
 * prototypes, numbers that only became infinite, and characters that Postgres cannot store (NUL, lone surrogates).
 *
 * @returns the first place that is found, or undefined
 */
export function jsonFault(
  root: unknown,
  limits: { readonly depth: number; readonly nodes: number } = JSON_LIMITS,
): JsonFault | undefined {
  // A worklist and no recursion: the depth is the sender's to choose.
  const todo: Place[] = [{ value: root, key: '', within: undefined, depth: 0 }];
  let nodes = 0;
  for (let place = todo.pop(); place; place = todo.pop()) {
    if (++nodes > limits.nodes) return { pointer: '', detail: `Must have at most ${limits.nodes} values` };
    const { value, depth } = place;
    const detail = valueFault(value, depth, limits.depth);
    if (detail !== undefined) return { pointer: pointerOf(place), detail };
    if (typeof value !== 'object' || value === null) continue;
    for (const key of Object.keys(value)) {
      const inner = { value: (value as Record<string, unknown>)[key], key, within: place, depth: depth + 1 };
      const fault = key === '__proto__' ? 'Must not be named __proto__' : textFault(key);
      if (fault !== undefined) return { pointer: pointerOf(inner), detail: fault };
      todo.push(inner);
    }
  }
  return undefined;
}

function valueFault(value: unknown, depth: number, maxDepth: number): string | undefined {
  if (typeof value === 'string') return textFault(value);
  // JSON has no infinity: it stands for a number such as 1e400, and would be stored as null.
  if (value === Infinity || value === -Infinity) return 'Must be a number below 1.8e308';
  if (typeof value === 'object' && value !== null && depth >= maxDepth)
    return `Must be nested at most ${maxDepth} levels deep`;
  return undefined;
}

function pointerOf({ key, within }: Place): string {
  return within ? `${pointerOf(within)}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}` : '';
}

/** What makes a text unfit for storage, or undefined. */
export function textFault(text: string): string | undefined {
  if (text.includes('\u0000')) return 'Must not contain the NUL character';
  if (!text.isWellFormed()) return 'Must not contain a lone surrogate';
  return undefined;
}
