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
 * Removes what has ended and was kept for as long as its organization wants, in small steps.
 *
 * @param timeLeft whether there is time for another step
 * @returns how many tasks were removed
 */
export async function purge(deps: RetentionDeps, timeLeft: () => boolean): Promise<number> {
  let [removed, steps] = [0, 0];
  for (const turn of await store.takeTurns(deps.db, ORGANIZATIONS, EVERY_SECONDS)) {
    let more = true;
    while (more && steps < STEPS && timeLeft()) {
      const old = await store.oldTasks(deps.db, turn, STEP);
      // The object first: a row without its object says so, an object without its row would lie there for ever.
      await removeObjects(deps, old);
      if (old.length > 0)
        await store.removeTasks(
          deps.db,
          old.map(({ id }) => id),
        );
      removed += old.length;
      more = old.length === STEP;
      steps += 1;
    }
    if (more) await store.returnTurn(deps.db, turn);
    else await store.removeBatches(deps.db, turn, STEP);
  }
  return removed;
}

async function removeObjects({ removeArtifact }: RetentionDeps, old: readonly store.Old[]): Promise<void> {
  const keys = old.flatMap(({ artifactKey }) => artifactKey ?? []);
  const next = async (): Promise<void> => {
    for (let key = keys.pop(); key !== undefined; key = keys.pop()) await removeArtifact(key);
  };
  await Promise.all(Array.from({ length: PARALLEL }, next));
}
