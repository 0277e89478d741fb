import type { Database } from '../../database/connect.ts';
import * as store from '../store/index.ts';

export type RetentionDeps = {
  db: Database;
  /** Removes a result from the bucket. A missing object is no error. */
  removeArtifact: (key: string) => Promise<void>;
};

/** Result of one tick: the number of removed tasks, and the backlog. */
export type Purged = {
  /** Removed tasks. */
  removed: number;
  /** Seconds since the oldest remaining task should have been removed; 0 when the tick had time for all. */
  overdueSeconds: number;
};

/** Organizations that are handled together, and the seconds between two turns of one organization. */
const ORGANIZATIONS = 100;
const EVERY_SECONDS = 600;

/** Rows that one statement removes: a tenth of a second's work, so that no other statement waits long. */
const STEP = 500;

/** Objects that are removed in parallel. */
const PARALLEL = 8;

/**
 * Removes tasks and batches whose retention is over, until none is left or the time is used. It takes a small step of each
 * organization in turn, so that an organization with millions of tasks does not delay the others.
 *
 * @param timeLeft returns true while there is time for another step
 * @throws the first error, after every organization has had its turn or the time is used
 */
export async function purge(deps: RetentionDeps, timeLeft: () => boolean): Promise<Purged> {
  let removed = 0;
  const failures: unknown[] = [];

  /** @returns true when the organization has more to remove */
  const step = async (turn: store.RetentionTurn): Promise<boolean> => {
    try {
      const tasks = await removeSome(deps, turn);
      removed += tasks;
      if (tasks === STEP) return true;
      return (await store.removeBatches(deps.db, turn, STEP)) === STEP;
    } catch (error) {
      failures.push(error);
      return false;
    }
  };

  for (;;) {
    let turns = await store.takeTurns(deps.db, ORGANIZATIONS, EVERY_SECONDS);
    if (turns.length === 0) break;
    const unserved: store.RetentionTurn[] = [];
    while (turns.length > 0 && unserved.length === 0) {
      const unfinished: store.RetentionTurn[] = [];
      for (const turn of turns) {
        if (!timeLeft()) unserved.push(turn);
        else if (await step(turn)) unfinished.push(turn);
      }
      turns = unfinished;
    }
    if (unserved.length === 0) continue;
    const late = [...unserved, ...turns];
    await store.returnTurns(deps.db, late, EVERY_SECONDS);
    if (failures.length > 0) break;
    return { removed, overdueSeconds: await store.overdueSeconds(deps.db, late) };
  }
  if (failures.length > 0) throw failures[0];
  return { removed, overdueSeconds: 0 };
}

/** @returns the number of removed tasks; fewer than `STEP` when there are no more, or when another session has locked some */
async function removeSome(deps: RetentionDeps, turn: store.RetentionTurn): Promise<number> {
  const old = await store.expiredTasks(deps.db, turn, STEP);
  if (old.length === 0) return 0;
  // Remove the object first. A row without its object shows the loss, and goes in a later step. An object without its row would
  // stay for ever.
  await removeObjects(deps, old);
  return store.removeTasks(
    deps.db,
    old.map(({ id }) => id),
  );
}

async function removeObjects(
  { removeArtifact }: RetentionDeps,
  old: readonly store.ExpiredRow[],
): Promise<void> {
  const keys = old.flatMap(({ artifactKey }) => artifactKey ?? []);
  const next = async (): Promise<void> => {
    for (let key = keys.pop(); key !== undefined; key = keys.pop()) await removeArtifact(key);
  };
  await Promise.all(Array.from({ length: PARALLEL }, next));
}
