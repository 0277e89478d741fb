/** Bounds of a JSON value from a client. */
export const JSON_LIMITS = {
  /** Maximum levels of objects and arrays. Thousands of levels would overflow recursive code elsewhere. */
  depth: 32,
  /** Maximum number of all members and elements. */
  nodes: 250_000,
} as const;

/** The place of a fault in a JSON value (a JSON pointer, RFC 6901), and the rule that is broken. */
export type JsonFault = { pointer: string; detail: string };

/** A value and its place. The pointer is built only when a fault is reported. */
type Place = { value: unknown; key: string; within: Place | undefined; depth: number };

/**
 * Finds the reason why a parsed JSON value cannot be processed or stored: too many values or levels, keys that change
 * prototypes, numbers that became infinite, or characters that Postgres cannot store (NUL, lone surrogates).
 *
 * @returns the first fault, or undefined
 */
export function jsonFault(
  root: unknown,
  limits: { readonly depth: number; readonly nodes: number } = JSON_LIMITS,
): JsonFault | undefined {
  // Uses a worklist instead of recursion, because the sender chooses the depth.
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
  // JSON has no infinity. Here it stands for a number such as 1e400, and would be stored as null.
  if (value === Infinity || value === -Infinity) return 'Must be a number below 1.8e308';
  if (typeof value === 'object' && value !== null && depth >= maxDepth)
    return `Must be nested at most ${maxDepth} levels deep`;
  return undefined;
}

function pointerOf({ key, within }: Place): string {
  return within ? `${pointerOf(within)}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}` : '';
}

/** Returns the reason why a text cannot be stored, or undefined. */
export function textFault(text: string): string | undefined {
  if (text.includes('\u0000')) return 'Must not contain the NUL character';
  if (!text.isWellFormed()) return 'Must not contain a lone surrogate';
  return undefined;
}
