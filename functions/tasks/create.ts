import { v7 as uuidv7 } from 'uuid';
import type { Database } from '../database/connect.ts';
import { asMember, type Principal } from '../database/enter.ts';
import type { Measure } from '../figures.ts';
import { membershipIn, roleInsufficient } from '../organizations/rights.ts';
import type { Refusal } from '../refusal.ts';
import * as store from './store/index.ts';
import type { DispatchSettings, Enqueue, Task } from './task.ts';
import { wakeUps } from './wake-ups.ts';

export type TaskRequest = Omit<store.NewTask, 'id'>;

export type CreateDeps = {
  db: Database;
  enqueue: Enqueue;
  dispatch: DispatchSettings;
  /** Without it, nobody counts. */
  measure?: Measure;
};

/**
 * Commits new tasks, all or none, and sends the message of those that are due within the look-ahead. Once this
 * returns, nothing that happens to the message can lose a task.
 *
 * @param organizationId null for the principal's personal organization
 * @throws Refusal `organization_not_found`, `role_insufficient`, `session_ended`
 */
export async function createTasks(
  { db, enqueue, dispatch, measure }: CreateDeps,
  principal: Principal,
  organizationId: string | null,
  requests: readonly TaskRequest[],
): Promise<Task[]> {
  const tasks = requests.map((request) => ({ ...request, id: uuidv7() }));
  const written = await store.insert(db, principal, organizationId, tasks, dispatch);
  if (written.length === 0) throw await whyRefused(db, principal, organizationId);
  measure?.('TasksCreated', written.length);
  await wake({ db, enqueue, dispatch }, principal, written);
  return written;
}

/**
 * Sends messages for the given tasks as far as they are due within the look-ahead. Those that cannot be sent are left
 * to the dispatcher's next tick.
 */
export async function wake(
  { db, enqueue, dispatch }: CreateDeps,
  principal: Principal,
  tasks: readonly store.Timed<Task>[],
): Promise<void> {
  const due = tasks.filter(
    (task) => task.status === 'SCHEDULED' && task.dueInSeconds <= dispatch.lookaheadSeconds,
  );
  if (due.length === 0) return;
  const unsent = await enqueue(wakeUps(due));
  if (unsent.length === 0) return;
  // Best effort: without it the dispatcher sends them all the same, only later.
  await asMember(db, principal, (tx) => store.dispatchAgain(tx, unsent)).catch(() => {});
}

/** Why nothing was written; asked only then, so that the ordinary request costs one statement. */
async function whyRefused(
  db: Database,
  principal: Principal,
  organizationId: string | null,
): Promise<Refusal> {
  return asMember(db, principal, async (_tx, memberships) => {
    const home =
      organizationId ?? memberships.find((membership) => membership.personal)?.organizationId ?? '';
    return roleInsufficient(membershipIn(memberships, home).role);
  });
}
