import type { Database } from '../../database/connect.ts';
import type { Announce } from '../commands/change.ts';
import * as store from '../store/index.ts';

/** The statements that rescue tasks. */
export type RescueStatements = Pick<typeof store, 'rescue' | 'dispatchAgain'>;

/** Takes the given tasks back from workers whose lease has expired. Other tasks stay as they are. */
export async function rescueTasks(
  { db, announce }: { db: Database; announce: Announce },
  ids: readonly string[],
  statements: RescueStatements = store,
): Promise<void> {
  announce(await statements.rescue(db, ids, ids.length));
}

/**
 * Records the fate of tasks whose message SQS gave up. An attempt that died with its worker is recorded. A task without an
 * attempt stays due, and the dispatcher sends it again.
 */
export async function recordDeadLetters(
  deps: { db: Database; announce: Announce },
  ids: readonly string[],
  statements: RescueStatements = store,
): Promise<void> {
  await rescueTasks(deps, ids, statements);
  await statements.dispatchAgain(deps.db, ids);
}
