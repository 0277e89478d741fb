import type { Unclaimed } from '../store/index.ts';

/**
 * Milliseconds before each further claim of a task whose row is locked. Other sessions lock a row for milliseconds only. A lock
 * that outlasts these tries belongs to a worker that has the task.
 */
const LOCKED_PAUSES = [5, 10, 20, 50, 100, 250, 500, 1_000, 2_000, 4_000, 8_000];

export type ClaimBacklog = {
  /** Adds tasks that can be claimed now. Tasks that are in the backlog already stay as they are. */
  add: (ids: readonly string[]) => void;
  /** Takes up to `max` tasks that can be claimed now. */
  take: (max: number) => string[];
  /** Puts back a task that could not be claimed: until it is due, or until its row may be free. */
  putBack: (task: Pick<Unclaimed, 'id' | 'dueInSeconds'>) => void;
  /** Milliseconds until the next task can be claimed: 0 for now, undefined when the backlog is empty. */
  nextIn: () => number | undefined;
  /** Takes all tasks. */
  drain: () => string[];
};

/**
 * The tasks that an invocation has not claimed yet, each with the time from which a claim is worthwhile.
 *
 * @param now milliseconds of a monotonic clock: a task must not wait an hour because the wall clock was set back
 */
export function claimBacklog(now: () => number = () => performance.now()): ClaimBacklog {
  const entries = new Map<string, { readyAt: number; tries: number }>();
  const triesOf = new Map<string, number>();
  return {
    add(ids) {
      for (const id of ids) if (!entries.has(id)) entries.set(id, { readyAt: 0, tries: 0 });
    },
    take(max) {
      const ready = [...entries].filter(([, { readyAt }]) => readyAt <= now()).slice(0, max);
      for (const [id, { tries }] of ready) {
        entries.delete(id);
        triesOf.set(id, tries);
      }
      return ready.map(([id]) => id);
    },
    putBack({ id, dueInSeconds }) {
      if (dueInSeconds > 0) {
        entries.set(id, { readyAt: now() + Math.ceil(dueInSeconds * 1000), tries: 0 });
        return;
      }
      const tries = triesOf.get(id) ?? 0;
      const pause = LOCKED_PAUSES[tries];
      if (pause !== undefined) entries.set(id, { readyAt: now() + pause, tries: tries + 1 });
    },
    nextIn() {
      if (entries.size === 0) return undefined;
      return Math.max(0, Math.min(...[...entries.values()].map(({ readyAt }) => readyAt)) - now());
    },
    drain() {
      const ids = [...entries.keys()];
      entries.clear();
      return ids;
    },
  };
}
