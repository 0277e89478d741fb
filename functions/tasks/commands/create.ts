import { v7 as uuidv7 } from 'uuid';
import type { Database } from '../../database/connect.ts';
import { asMember, asMemberOf, type Principal } from '../../database/enter.ts';
import { retryOnConflict } from '../../database/retry-on-conflict.ts';
import type { Measure } from '../../metrics.ts';
import { roleInsufficient } from '../../organizations/rights.ts';
import { Refusal } from '../../refusal.ts';
import type { TaskRequest } from '../new-task.ts';
import * as store from '../store/index.ts';
import type { DispatchSettings, Enqueue, Task, TaskStatus } from '../task.ts';
import { type Due, wakeUps } from '../wake-ups.ts';
import { insertDependencies, refersToOthers, unmet, unmetReferences } from './references.ts';

export type CreateDeps = {
  db: Database;
  enqueue: Enqueue;
  dispatch: DispatchSettings;
  /** Absent: nothing is measured. */
  measure?: Measure;
};

/**
 * Commits new tasks, all or none, and sends the messages of the tasks that are due within the look-ahead. Once this function
 * returns, no loss of a message can lose a task.
 *
 * @param organizationId null for the principal's personal organization
 * @param ids of the tasks, one for each request; a repeated request gives the ids of the first one, and gets the tasks that the
 *   first one created
 * @throws Refusal `organization_not_found`, `role_insufficient`, `session_ended`, `unique_key_taken`, `too_many_pending`;
 *   `dependency_not_found` and `dependency_failed` for dependencies that a task cannot wait for; `artifact_not_found` for an artifact
 *   in a payload
 */
export async function createTasks(
  deps: CreateDeps,
  principal: Principal,
  {
    organizationId,
    requests,
    ids = requests.map(() => uuidv7()),
  }: { organizationId: string | null; requests: readonly TaskRequest[]; ids?: readonly string[] | undefined },
): Promise<Task[]> {
  const { db, dispatch, measure } = deps;
  const tasks = requests.map((request, at) => ({ ...request, id: ids[at] ?? uuidv7() }));
  const writing = tasks.some(refersToOthers)
    ? insertReferring(deps, principal, { organizationId, tasks })
    : retryOnConflict(() => store.insert(db, { principal, organizationId, tasks, dispatch }));
  const written = await writing.catch((error: unknown) =>
    createdEarlier(db, principal, { organizationId, tasks, error }),
  );
  if (written.length === 0) {
    throw (
      (await whyRefused(db, principal, { organizationId, count: tasks.length })) ??
      tooManyPending('organization')
    );
  }
  measure?.('TasksCreated', written.length);
  await wake(deps, principal, written);
  return written;
}

/**
 * Writes tasks that refer to other tasks or to artifacts. Dependencies are marked as waited for first, so that none of them ends
 * unnoticed in between.
 *
 * @throws Refusal `dependency_not_found` for a dependency that does not exist, `dependency_failed` for one that will not complete,
 *   `artifact_not_found` for an artifact that is not there
 */
async function insertReferring(
  { db, dispatch }: CreateDeps,
  principal: Principal,
  { organizationId, tasks }: { organizationId: string | null; tasks: readonly store.NewTask[] },
): Promise<store.Timed<Task>[]> {
  return asMemberOf(db, { ...principal, organizationId }, async (tx, { role, organizationId: home }) => {
    if (role === 'viewer') throw roleInsufficient(role);
    const [first] = await unmetReferences(tx, home, tasks);
    if (first) throw unmet([first], '');
    const written = await store.insert(tx, { principal, organizationId: home, tasks, dispatch });
    await insertDependencies(tx, home, { tasks, written });
    return written;
  });
}

/** Returns the refusal of a task that depends on a task that will not complete. */
export function dependencyFailed(id: string, status: TaskStatus): Refusal {
  return new Refusal('conflict', 'dependency_failed', `The task ${id} is ${status}, and will not complete`, {
    task: id,
    task_status: status,
  });
}

/**
 * Explains a refused insertion: an earlier try of this request has written the tasks already, or a unique key is taken.
 *
 * @returns the tasks that the earlier try wrote
 * @throws Refusal `unique_key_taken`, or the error itself
 */
async function createdEarlier(
  db: Database,
  principal: Principal,
  {
    organizationId,
    tasks,
    error,
  }: { organizationId: string | null; tasks: readonly store.NewTask[]; error: unknown },
): Promise<store.Timed<Task>[]> {
  const taken = violated(error);
  if (taken === undefined) throw error;
  return asMemberOf(db, { ...principal, organizationId }, async (tx, home) => {
    if (taken === 'tasks_pkey') {
      const made = await store.findAll(
        tx,
        tasks.map(({ id }) => id),
      );
      if (made.length === tasks.length) return made;
    }
    const keys = tasks.flatMap(({ uniqueKey }) => uniqueKey ?? []);
    throw uniqueKeyTaken(await store.uniqueKeyHolders(tx, home.organizationId, keys));
  });
}

/** Returns the name of the unique constraint that a write violated, if it violated one. */
export function violated(error: unknown): string | undefined {
  const isUnique = error instanceof Error && 'code' in error && error.code === '23505';
  return isUnique && 'constraint_name' in error ? String(error.constraint_name) : undefined;
}

/** @param holders live tasks with the requested keys that the principal may see */
export function uniqueKeyTaken(holders: readonly { id: string; uniqueKey: string }[]): Refusal {
  const [holder] = holders;
  const message = holder
    ? `A task with the unique key ${holder.uniqueKey} has not ended yet`
    : 'A task with the same unique key has not ended yet';
  return new Refusal('conflict', 'unique_key_taken', message, {
    tasks: holders.map(({ id, uniqueKey }) => ({ id, unique_key: uniqueKey })),
  });
}

/**
 * Sends messages for the given tasks that are due within the look-ahead. The dispatcher's next tick sends what cannot be sent
 * now.
 */
export async function wake(
  { db, enqueue, dispatch }: CreateDeps,
  principal: Principal,
  tasks: readonly store.Wakeable[],
): Promise<void> {
  const due = tasks.filter(
    (task) => task.status === 'SCHEDULED' && task.dueInSeconds <= dispatch.lookaheadSeconds,
  );
  await wakeReleased({ db, enqueue }, principal, due);
}

/** Sends messages for due tasks. The dispatcher's next tick sends what cannot be sent now. */
export async function wakeReleased(
  { db, enqueue }: Pick<CreateDeps, 'db' | 'enqueue'>,
  principal: Principal,
  due: readonly Due[],
): Promise<void> {
  if (due.length === 0) return;
  const unsent = await enqueue(wakeUps(due));
  if (unsent.length === 0) return;
  // Best effort: if this fails, the dispatcher still sends the messages, but later.
  await asMember(db, principal, (tx) => store.dispatchAgain(tx, unsent)).catch(() => {});
}

/** Seconds after which a refused caller should ask again for room. */
export const ROOM_SECONDS = 60;

const WHO_HAS: Record<store.FullBound, string> = {
  organization: 'The organization has',
  user: 'You have, in all your organizations together,',
  installation: 'This installation has',
};

/** Returns the refusal of tasks that exceed a full bound. */
export function tooManyPending(full: store.FullBound): Refusal {
  return new Refusal(
    'too_many_requests',
    'too_many_pending',
    `${WHO_HAS[full]} the maximum number of unfinished tasks. Wait until some have ended, or cancel some`,
    { full, retry_after_seconds: ROOM_SECONDS },
  );
}

/**
 * Finds out why nothing was written. Runs only after a refusal, so that the ordinary request costs one statement.
 *
 * @param count of the tasks
 * @returns undefined when the principal may write there, and there is room
 * @throws Refusal `organization_not_found`, `session_ended`
 */
export async function whyRefused(
  db: Database,
  principal: Principal,
  { organizationId, count }: { organizationId: string | null; count: number },
): Promise<Refusal | undefined> {
  return asMemberOf(db, { ...principal, organizationId }, async (tx, { role, organizationId: home }) => {
    if (role === 'viewer') return roleInsufficient(role);
    const full = await store.fullBound(tx, { organizationId: home, userId: principal.userId, count });
    return full && tooManyPending(full);
  });
}
