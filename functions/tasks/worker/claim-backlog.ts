import type { Unclaimed } from '../store/index.ts';

/** A row that somebody has locked is free again within milliseconds; a lock that outlasts these tries is none of ours. */
const LOCKED_PAUSES = [5, 10, 20, 50, 100, 250, 500, 1_000, 2_000, 4_000, 8_000];

export type Waiting = {
  /** Takes up to `max` ids that may be asked for now. */
  take: (max: number) => string[];
  /** Further tasks, worth asking for now. */
  add: (ids: readonly string[]) => void;
  /** Puts a task that could not be claimed back: until it is due, or until its row may be free. */
  putBack: (task: Pick<Unclaimed, 'id' | 'dueInSeconds'>) => void;
  /** Keeps a task for which no runner is free. */
  park: (id: string) => void;
  parked: () => number;
  /** Lets up to so many of the parked be asked for now. */
  unpark: (max: number) => void;
  /** Milliseconds until the next id that is not parked may be asked for; 0 for now, undefined when there is none. */
  nextIn: () => number | undefined;
  /** Takes all that is left. */
  drain: () => string[];
  /** Takes all that are parked. */
  drainParked: () => string[];
};

/**
 * The tasks of an invocation that nobody runs yet, each with the moment from which on it is worth asking for.
 *
 * @param now milliseconds of a clock that nobody sets: a task must not wait an hour because the wall clock was set back
 */
export function waitingTasks(ids: readonly string[], now: () => number = () => performance.now()): Waiting {
  const entries = new Map([...new Set(ids)].map((id) => [id, { readyAt: 0, tries: 0 }]));
  const asked = new Map<string, number>();
  let parked: string[] = [];
  const drainParked = (): string[] => {
    const all = parked;
    parked = [];
    return all;
  };
  return {
    add(more) {
      for (const id of more) if (!entries.has(id)) entries.set(id, { readyAt: 0, tries: 0 });
    },
    take(max) {
      const ready = [...entries].filter(([, { readyAt }]) => readyAt <= now()).slice(0, max);
      for (const [id, { tries }] of ready) {
        entries.delete(id);
        asked.set(id, tries);
      }
      return ready.map(([id]) => id);
    },
    putBack({ id, dueInSeconds }) {
      if (dueInSeconds > 0) {
        entries.set(id, { readyAt: now() + Math.ceil(dueInSeconds * 1000), tries: 0 });
        return;
      }
      const tries = asked.get(id) ?? 0;
      const pause = LOCKED_PAUSES[tries];
      if (pause !== undefined) entries.set(id, { readyAt: now() + pause, tries: tries + 1 });
    },
    park: (id) => void parked.push(id),
    parked: () => parked.length,
    unpark(max) {
      for (const id of parked.splice(0, max)) entries.set(id, { readyAt: now(), tries: 0 });
    },
    nextIn() {
      if (entries.size === 0) return undefined;
      return Math.max(0, Math.min(...[...entries.values()].map(({ readyAt }) => readyAt)) - now());
    },
    drain() {
      const rest = [...entries.keys(), ...drainParked()];
      entries.clear();
      return rest;
    },
    drainParked,
  };
}
