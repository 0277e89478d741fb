type Test = (operand: unknown, value: unknown) => boolean;

/** The supported content filters of event patterns, besides equality. */
const FILTERS: Record<string, Test> = {
  prefix: (operand, value) => typeof value === 'string' && value.startsWith(String(operand)),
  suffix: (operand, value) => typeof value === 'string' && value.endsWith(String(operand)),
  exists: (operand, value) => (value !== undefined) === operand,
  'anything-but': (operand, value) =>
    value !== undefined && !(Array.isArray(operand) ? operand : [operand]).includes(value),
};

/**
 * Returns true when an event matches an EventBridge event pattern.
 *
 * @throws when the pattern has a filter that is not in `FILTERS`
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html
 */
export function matchesPattern(pattern: Readonly<Record<string, unknown>>, event: unknown): boolean {
  const members = (event !== null && typeof event === 'object' ? event : {}) as Record<string, unknown>;
  return Object.entries(pattern).every(([name, wanted]) => {
    const value = members[name];
    if (!Array.isArray(wanted)) return matchesPattern(wanted as Record<string, unknown>, value);
    const values = Array.isArray(value) ? value : [value];
    return wanted.some((one) => values.some((candidate) => matchesValue(one, candidate)));
  });
}

function matchesValue(wanted: unknown, value: unknown): boolean {
  if (wanted === null || typeof wanted !== 'object') return wanted === value;
  return Object.entries(wanted).every(([name, operand]) => {
    const filter = FILTERS[name];
    if (!filter) throw new Error(`the local runtime does not know the pattern filter "${name}"`);
    return filter(operand, value);
  });
}
