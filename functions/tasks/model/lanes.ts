import type { Lane, Room, Unclaimed } from '../store/index.ts';
import type { Row } from './row.ts';

/** What bounds the tasks of one organization. */
export type Bounds = {
  /** `kind:<kind>` and `queue:<queue>`. */
  paused: ReadonlySet<string>;
  /** How many run at once; null for any number. */
  maxRunning: number | null;
};

type Lack = NonNullable<Unclaimed['lacks']>;

export const UNBOUND: Bounds = { paused: new Set(), maxRunning: null };

/** The closed lane that a task is in. */
export function pausedLane(row: Row, { paused }: Bounds): string | null {
  return [`kind:${row.kind}`, `queue:${row.queue}`].find((lane) => paused.has(lane)) ?? null;
}

const inTurn = (one: Row, other: Row): number =>
  Number(one.runAt) - Number(other.runAt) || (one.id < other.id ? -1 : 1);

/**
 * What those that want to start lack in a worker: those whose ids come first get its runners.
 *
 * @param startable those that would be started now, and so take a runner
 */
export function lacking(
  wanted: readonly Row[],
  startable: readonly Row[],
  { kinds, runners, seconds }: Room,
): Map<Row, Lack> {
  const lacks = new Map<Row, Lack>();
  let taken = 0;
  for (const row of wanted.toSorted((one, other) => (one.id < other.id ? -1 : 1))) {
    const known = kinds.find(({ kind }) => kind === row.kind);
    const isolated = known?.isolatedWith === null;
    if ((row.hardSeconds ?? known?.hardSeconds ?? 0) > seconds) lacks.set(row, 'time');
    else if (isolated) {
      if (startable.includes(row)) taken += 1;
      if (taken > runners) lacks.set(row, 'runner');
    }
  }
  return lacks;
}

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
