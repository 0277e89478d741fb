import type { Lane, Unclaimed, WorkerCapacity } from '../../store/index.ts';
import type { Row } from './row.ts';

/** Limits for the tasks of one organization. */
export type Bounds = {
  /** `kind:<kind>` and `queue:<queue>`. */
  paused: ReadonlySet<string>;
  /** Limit of tasks that run at once; null for no limit. */
  maxRunning: number | null;
  /** Places for tasks that wait for the network, and the lane of those without a place. */
  network: { places: number; lane: string };
};

type MissingCapacity = NonNullable<Unclaimed['missing']>;

export const UNBOUND: Bounds = {
  paused: new Set(),
  maxRunning: null,
  network: { places: Number.POSITIVE_INFINITY, lane: 'network:' },
};

/** Returns the paused lane that a task is in. */
export function pausedLane(row: Row, { paused }: Bounds): string | null {
  return [`kind:${row.kind}`, `queue:${row.queue}`].find((lane) => paused.has(lane)) ?? null;
}

const inTurn = (one: Row, other: Row): number =>
  Number(one.runAt) - Number(other.runAt) || (one.id < other.id ? -1 : 1);

/**
 * Returns the capacity that a worker lacks for each task. Its runners and network places go to the tasks with the lowest ids.
 *
 * @param startable the tasks that would start now, and so take capacity
 */
export function missingCapacity(
  wanted: readonly Row[],
  startable: readonly Row[],
  { kinds, runners, networkPlaces: waiting, seconds }: WorkerCapacity,
): Map<Row, MissingCapacity> {
  const missing = new Map<Row, MissingCapacity>();
  let taken = 0;
  let waits = 0;
  for (const row of wanted.toSorted((one, other) => (one.id < other.id ? -1 : 1))) {
    const known = kinds.find(({ kind }) => kind === row.kind);
    const isolated = known?.isolatedWith === null;
    if ((row.hardSeconds ?? known?.hardSeconds ?? 0) > seconds) missing.set(row, 'time');
    else {
      if (startable.includes(row))
        [taken, waits] = [taken + Number(isolated), waits + Number(row.waitsForNetwork)];
      if (isolated && taken > runners) missing.set(row, 'runner');
      else if (row.waitsForNetwork && waits > waiting) missing.set(row, 'waiting');
    }
  }
  return missing;
}

/**
 * Counts the taken places of a key: tasks that run, and tasks that are held in a later lane.
 *
 * @param ours tasks of one organization
 */
const takenOf = (key: string | null, ours: readonly Row[], bounds: Bounds): number =>
  ours.filter(
    (row) =>
      row.concurrencyKey === key &&
      (row.status === 'RUNNING' ||
        ((row.heldBy === 'organization' || row.heldBy === bounds.network.lane) && !pausedLane(row, bounds))),
  ).length;

/** Counts the taken network places. */
const waitingOf = (ours: readonly Row[], bounds: Bounds): number =>
  ours.filter(
    (row) =>
      row.waitsForNetwork &&
      (row.status === 'RUNNING' || (row.heldBy === 'organization' && !pausedLane(row, bounds))),
  ).length;

const runningOf = (ours: readonly Row[]): number => ours.filter(({ status }) => status === 'RUNNING').length;

/**
 * Decides which tasks may start, as far as the lanes have room. Tasks that have waited longest come first.
 *
 * @param wanted of one organization
 * @param ours   all tasks of the organization
 * @returns for each task its lane if the lane is full, or null
 */
export function turns(wanted: readonly Row[], ours: readonly Row[], bounds: Bounds): [Row, string | null][] {
  const seen: Row[] = [];
  let starting = 0;
  let connecting = 0;
  return wanted.toSorted(inTurn).map((row) => {
    seen.push(row);
    const { concurrencyKey, concurrencyLimit } = row;
    const before = seen.filter((other) => other.concurrencyKey === concurrencyKey).length;
    if (concurrencyKey !== null && takenOf(concurrencyKey, ours, bounds) + before > (concurrencyLimit ?? 0))
      return [row, `key:${concurrencyKey}`];
    if (row.waitsForNetwork) {
      connecting += 1;
      const { places, lane } = bounds.network;
      if (waitingOf(ours, bounds) + connecting > places) return [row, lane];
    }
    starting += 1;
    const isFull = bounds.maxRunning !== null && runningOf(ours) + starting > bounds.maxRunning;
    return [row, isFull ? 'organization' : null];
  });
}

/**
 * Decides about the tasks that these lanes hold: which are released, and which move on to the lane of their organization.
 *
 * @param lanes of one organization
 * @param ours  all tasks of the organization
 */
export function freed(
  lanes: readonly string[],
  ours: readonly Row[],
  bounds: Bounds,
): { row: Row; goes: boolean }[] {
  const heldIn = (lane: string) =>
    ours.filter((row) => row.heldBy === lane && !pausedLane(row, bounds)).toSorted(inTurn);
  const keys = lanes.filter((lane) => lane.startsWith('key:'));
  const entering = keys.flatMap((lane) => {
    const held = heldIn(lane);
    const taken = takenOf(lane.slice('key:'.length), ours, bounds);
    const stop = held.findIndex((row, nth) => taken + nth >= (row.concurrencyLimit ?? 0));
    return stop === -1 ? held : held.slice(0, stop);
  });
  const isOrganization = lanes.includes('organization') || keys.length > 0;
  const waiting = [...entering, ...(isOrganization ? heldIn('organization') : [])].toSorted(inTurn);
  const places = (bounds.maxRunning ?? Number.POSITIVE_INFINITY) - runningOf(ours);
  const resumed = lanes.filter((lane) => /^(kind|queue):/.test(lane)).flatMap(heldIn);
  const { network } = bounds;
  const free = Math.max(0, network.places - waitingOf(ours, bounds));
  const connecting = lanes.includes(network.lane) ? heldIn(network.lane).slice(0, free) : [];
  return [
    ...waiting.map((row, nth) => ({ row, goes: nth < places })),
    ...[...resumed, ...connecting].map((row) => ({ row, goes: true })),
  ].filter(({ row, goes }) => goes || entering.includes(row));
}

/** Returns the lanes in which a task that is held elsewhere may have left a place. */
export function vacated(
  { organizationId, concurrencyKey, waitsForNetwork, heldBy }: Row,
  { maxRunning, network }: Bounds,
): Lane[] {
  if (heldBy === 'organization' || heldBy === network.lane) return [];
  const lanes = [
    ...(concurrencyKey === null ? [] : [`key:${concurrencyKey}`]),
    ...(waitsForNetwork ? [network.lane] : []),
    ...(maxRunning === null ? [] : ['organization']),
  ];
  return lanes.filter((lane) => lane !== heldBy).map((lane) => ({ organizationId, lane }));
}
