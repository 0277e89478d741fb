import type { Database } from '../../database/connect.ts';
import type { Announce } from '../commands/change.ts';
import * as store from '../store/index.ts';
import type { DispatchSettings, Task } from '../task.ts';

export type ReleaseDeps = { db: Database; announce: Announce; dispatch: DispatchSettings };

/** Ended tasks that one transaction handles. */
const CHUNK = 100;

/**
 * Applies the ends of tasks to the tasks that depend on them, and to the dependents of these in turn. A task that can run now is
 * scheduled. A task that can never run is cancelled.
 *
 * @param ids of tasks that have ended; null for all ended tasks whose dependents are not yet handled, as far as there is time
 * @returns the tasks that are scheduled now; the caller sends their messages
 */
export async function releaseDependents(
  deps: ReleaseDeps,
  {
    ids,
    timeLeft = () => true,
    statements = store,
  }: {
    ids: readonly string[] | null;
    timeLeft?: (() => boolean) | undefined;
    statements?: Pick<typeof store, 'release'> | undefined;
  },
): Promise<store.Timed<Task>[]> {
  const scheduled: store.Timed<Task>[] = [];
  const todo = ids === null ? null : [...ids];
  while (timeLeft()) {
    const chunk = todo?.splice(0, CHUNK) ?? null;
    if (chunk?.length === 0) break;
    const { handled, moved, more } = await statements.release(deps.db, {
      ids: chunk,
      limit: CHUNK,
      dispatch: deps.dispatch,
    });
    deps.announce(moved);
    scheduled.push(...moved.filter(({ status }) => status === 'SCHEDULED'));
    todo?.push(
      ...moved.filter((task) => task.status === 'CANCELLED' && task.hasDependents).map(({ id }) => id),
    );
    if (more) todo?.unshift(...(chunk ?? []));
    else if (chunk === null && handled === 0) break;
  }
  return scheduled;
}
