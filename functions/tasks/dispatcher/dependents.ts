import type { Database } from '../../database/connect.ts';
import type { Announce } from '../commands/change.ts';
import * as store from '../store/index.ts';
import type { DispatchSettings, Task } from '../task.ts';

export type ReleaseDeps = { db: Database; announce: Announce; dispatch: DispatchSettings };

/** Ended tasks that one transaction deals with. */
const CHUNK = 100;

/**
 * Tells the tasks that wait for the given ones how these ended, and those that wait for these in turn: what can run is
 * scheduled, what can no more is cancelled.
 *
 * @param ids of tasks that have ended; null for all that have not been told, as far as there is time
 * @returns what is scheduled now; its messages are the caller's to send
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
    const { told, moved, more } = await statements.release(deps.db, {
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
    else if (chunk === null && told === 0) break;
  }
  return scheduled;
}
