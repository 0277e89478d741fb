import type { Database } from '../database/connect.ts';
import * as store from './store/index.ts';

export type RetentionDeps = {
  db: Database;
  /** Removes a result from the bucket; not having been there is no error. */
  removeArtifact: (key: string) => Promise<void>;
};

/** Organizations that one tick looks at, and how seldom it comes back to each. */
const ORGANIZATIONS = 100;
const EVERY_SECONDS = 600;

/** Rows that one statement removes: a tenth of a second's work, so that nobody waits for it. */
const STEP = 500;

/** Steps of one tick: what is left has time, and tasks that are due have not. */
const STEPS = 40;

/** Objects that are removed at once. */
const PARALLEL = 8;

/**
 * Removes what has ended and was kept for as long as its organization wants: a small step of each, again and again, so that
 * one with millions of them takes no other's turn.
 *
 * @param timeLeft whether there is time for another step
 * @returns how many tasks were removed
 * @throws what went wrong with one organization, when it has been the turn of all
 */
export async function purge(deps: RetentionDeps, timeLeft: () => boolean): Promise<number> {
  let [removed, steps] = [0, 0];
  const failures: unknown[] = [];
  let turns = await store.takeTurns(deps.db, ORGANIZATIONS, EVERY_SECONDS);
  while (turns.length > 0) {
    const [unserved, unfinished]: [store.Turn[], store.Turn[]] = [[], []];
    for (const turn of turns) {
      if (steps === STEPS || !timeLeft()) {
        unserved.push(turn);
        continue;
      }
      steps += 1;
      try {
        const count = await removeSome(deps, turn);
        removed += count;
        if (count === STEP) unfinished.push(turn);
        else await store.removeBatches(deps.db, turn, STEP);
      } catch (error) {
        failures.push(error);
      }
    }
    turns = unserved.length > 0 ? [] : unfinished;
    if (unserved.length > 0) await store.returnTurns(deps.db, [...unserved, ...unfinished], EVERY_SECONDS);
  }
  if (failures.length > 0) throw failures[0];
  return removed;
}

/** @returns how many; less than a step's worth when there are no more */
async function removeSome(deps: RetentionDeps, turn: store.Turn): Promise<number> {
  const old = await store.oldTasks(deps.db, turn, STEP);
  // The object first: a row without its object says so, an object without its row would lie there for ever.
  await removeObjects(deps, old);
  const ids = old.map(({ id }) => id);
  if (ids.length > 0) await store.removeTasks(deps.db, ids);
  return ids.length;
}

async function removeObjects({ removeArtifact }: RetentionDeps, old: readonly store.Old[]): Promise<void> {
  const keys = old.flatMap(({ artifactKey }) => artifactKey ?? []);
  const next = async (): Promise<void> => {
    for (let key = keys.pop(); key !== undefined; key = keys.pop()) await removeArtifact(key);
  };
  await Promise.all(Array.from({ length: PARALLEL }, next));
}
