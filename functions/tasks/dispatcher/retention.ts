import type { Database } from '../../database/connect.ts';
import * as store from '../store/index.ts';

export type RetentionDeps = {
  db: Database;
  /** Removes a result from the bucket; not having been there is no error. */
  removeArtifact: (key: string) => Promise<void>;
};

/** What one tick removed, and how far it is behind. */
export type Purged = {
  /** Tasks. */
  removed: number;
  /** How long ago the oldest task that is still there should have been gone; 0 when the tick had time for all. */
  overdueSeconds: number;
};

/** Organizations that are looked at together, and how seldom each of them is. */
const ORGANIZATIONS = 100;
const EVERY_SECONDS = 600;

/** Rows that one statement removes: a tenth of a second's work, so that nobody waits for it. */
const STEP = 500;

/** Objects that are removed at once. */
const PARALLEL = 8;

/**
 * Removes what has ended and was kept for as long as its organization wants, until all is gone or the time is used: a small step
 * of each organization, again and again, so that one with millions of tasks takes no other's turn.
 *
 * @param timeLeft whether there is time for another step
 * @throws what went wrong with one organization, when it has been the turn of all
 */
export async function purge(deps: RetentionDeps, timeLeft: () => boolean): Promise<Purged> {
  let removed = 0;
  const failures: unknown[] = [];

  /** @returns whether the organization has more to remove */
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

/** @returns how many; less than a step's worth when there are no more, or somebody has locked some */
async function removeSome(deps: RetentionDeps, turn: store.RetentionTurn): Promise<number> {
  const old = await store.expiredTasks(deps.db, turn, STEP);
  if (old.length === 0) return 0;
  // The object first: a row without its object says so, an object without its row would lie there for ever.
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
