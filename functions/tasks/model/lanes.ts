import type { Lane } from '../store/index.ts';
import type { Row } from './row.ts';

/** What bounds the tasks of one organization. */
export type Bounds = {
  /** `kind:<kind>` and `queue:<queue>`. */
  paused: ReadonlySet<string>;
  /** How many run at once; null for any number. */
  maxRunning: number | null;
};

export const UNBOUND: Bounds = { paused: new Set(), maxRunning: null };

/** The closed lane that a task is in. */
export function pausedLane(row: Row, { paused }: Bounds): string | null {
  return [`kind:${row.kind}`, `queue:${row.queue}`].find((lane) => paused.has(lane)) ?? null;
}

const inTurn = (one: Row, other: Row): number =>
  Number(one.runAt) - Number(other.runAt) || (one.id < other.id ? -1 : 1);

/**
 * Who of those that want to start may, as far as the lanes have room, those first that have waited longest.
 *
 * @param wanted of one organization
 * @returns for each its lane if that is full, or null
 */
export function turns(
  wanted: readonly Row[],
  running: readonly Row[],
  { maxRunning }: Bounds,
): [Row, string | null][] {
  const key = (rows: readonly Row[], { concurrencyKey }: Row) =>
    rows.filter((row) => row.concurrencyKey === concurrencyKey).length;
  const seen: Row[] = [];
  let starting = 0;
  return wanted.toSorted(inTurn).map((row) => {
    seen.push(row);
    const { concurrencyKey, concurrencyLimit } = row;
    if (concurrencyKey !== null && key(running, row) + key(seen, row) > (concurrencyLimit ?? 0))
      return [row, `key:${concurrencyKey}`];
    starting += 1;
    return [row, maxRunning !== null && running.length + starting > maxRunning ? 'organization' : null];
  });
}

/**
 * Those that a lane can let go.
 *
 * @param held what it holds
 */
export function freed(
  { lane }: Lane,
  held: readonly Row[],
  running: readonly Row[],
  { paused, maxRunning }: Bounds,
): Row[] {
  const waiting = held.toSorted(inTurn);
  const places = () => {
    if (paused.has(lane)) return 0;
    if (lane === 'organization') return (maxRunning ?? Number.POSITIVE_INFINITY) - running.length;
    const [first] = waiting;
    if (!lane.startsWith('key:') || !first) return Number.POSITIVE_INFINITY;
    const key = lane.slice('key:'.length);
    return (first.concurrencyLimit ?? 0) - running.filter((row) => row.concurrencyKey === key).length;
  };
  return waiting.slice(0, Math.max(0, places()));
}
