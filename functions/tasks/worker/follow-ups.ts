import type { Database } from '../../database/connect.ts';
import type { Announce } from '../commands/change.ts';
import { releaseDependents } from '../dispatcher/dependents.ts';
import * as store from '../store/index.ts';
import type { DispatchSettings, Enqueue, Task, Watched } from '../task.ts';
import { type Due, wakeUps } from '../wake-ups.ts';
import type { Log } from './run-attempt.ts';

export type FollowUpDeps = {
  db: Database;
  enqueue: Enqueue;
  dispatch: DispatchSettings;
  announce: Announce;
  log: Log;
};

/** The statements that follow-ups run. */
export type FollowUpStatements = Pick<typeof store, 'dispatchAgain' | 'releaseHeld' | 'release'>;

/**
 * Runs after outcomes are stored: notifies watchers, publishes events, sends retries, releases dependents, fills lanes.
 * Failures here never fail or delay a task. The dispatcher does later what fails here.
 */
export function followUps(deps: FollowUpDeps, statements: FollowUpStatements = store) {
  const sending = new Set<Promise<void>>();

  const sendWakeUps = async (due: readonly Due[]): Promise<void> => {
    const unsent = due.length > 0 ? await deps.enqueue(wakeUps(due)) : [];
    if (unsent.length > 0) await statements.dispatchAgain(deps.db, unsent);
  };

  /** Starts work without waiting for it. The dispatcher does later what fails here. */
  const inBackground = (work: Promise<void>): void => {
    const sent = work
      .catch((error: unknown) =>
        deps.log('warn', 'messages could not be sent; the dispatcher will', { error }),
      )
      .then(() => void sending.delete(sent));
    sending.add(sent);
  };

  const fillLanes = async (lanes: readonly store.Lane[]): Promise<void> => {
    const released = await deps.db.begin((tx) => statements.releaseHeld(tx, lanes, deps.dispatch));
    await sendWakeUps(released as store.Released[]);
  };

  const releaseDependentsOf = async (awaited: readonly Task[]): Promise<void> => {
    const ids = awaited.map(({ id }) => id);
    const due = (task: store.Timed<Task>) => task.dueInSeconds <= deps.dispatch.lookaheadSeconds;
    await sendWakeUps((await releaseDependents(deps, { ids, statements })).filter(due));
  };

  const fill = (lanes: readonly store.Lane[]): void => {
    if (lanes.length > 0) inBackground(fillLanes(lanes));
  };

  return {
    /** Gives places that may be free in these lanes to tasks that are held there. Returns at once. */
    fill,
    /** Starts all follow-ups of these settled rows. Returns at once. */
    afterSettle(moved: readonly store.Capped<store.Timed<Watched<Task>>>[]): void {
      deps.announce(moved);
      const retries = moved.filter(
        (task) => task.status === 'SCHEDULED' && task.dueInSeconds <= deps.dispatch.lookaheadSeconds,
      );
      if (retries.length > 0) inBackground(sendWakeUps(retries));
      const awaited = moved.filter((task) => task.hasDependents && task.status !== 'SCHEDULED');
      if (awaited.length > 0) inBackground(releaseDependentsOf(awaited));
      fill(moved.flatMap(store.lanesOf));
    },
    /** Resolves when all follow-ups are done or given up. Never rejects. */
    async end(): Promise<void> {
      await Promise.all(sending);
    },
  };
}
