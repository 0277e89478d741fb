import type { Database } from '../../database/connect.ts';
import type { Announce } from '../commands/change.ts';
import * as store from '../store/index.ts';

/** The statements that take tasks back. */
export type RescueStatements = Pick<typeof store, 'rescue' | 'dispatchAgain'>;

/** Takes the given tasks back from workers whose lease has expired; others are left alone. */
export async function rescueTasks(
  { db, announce }: { db: Database; announce: Announce },
  ids: readonly string[],
  statements: RescueStatements = store,
): Promise<void> {
  announce(await statements.rescue(db, ids, ids.length));
}

/**
 * Records what became of tasks whose message SQS gave up on: attempts that died with their worker are written down;
 * tasks that never got as far as an attempt stay due, and the dispatcher sends them again.
 */
export async function recordDeadLetters(
  deps: { db: Database; announce: Announce },
  ids: readonly string[],
  statements: RescueStatements = store,
): Promise<void> {
  await rescueTasks(deps, ids, statements);
  await statements.dispatchAgain(deps.db, ids);
}
