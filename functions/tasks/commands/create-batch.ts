import type { Database, Transaction } from '../../database/connect.ts';
import { asMember, asMemberOf, type Principal } from '../../database/enter.ts';
import { retryOnConflict } from '../../database/retry-on-conflict.ts';
import { roleInsufficient } from '../../organizations/rights.ts';
import { Refusal } from '../../refusal.ts';
import type { TaskRequest } from '../new-task.ts';
import * as store from '../store/index.ts';
import type { Queue } from '../task.ts';
import { type CreateDeps, violated, wake, whyRefused } from './create.ts';
import { dependencyPointer, unresolvable, withIds } from './local-names.ts';
import { insertDependencies, refersToOthers, type Unmet, unmet, unmetReferences } from './references.ts';

/** Upper bound of the tasks in a batch that one request creates. */
export const MAX_BATCH = 10_000;

export type BatchRequest = {
  /** A repeated request gives the id of the first request, and gets the batch that the first request created. */
  id: string;
  /** Null for the principal's personal organization. */
  organizationId: string | null;
  name: string;
  queue: Queue;
};

/**
 * The batch as committed. `written` tells for each request whether its task was written: it was not if its unique key is taken.
 */
export type CreatedBatch = {
  batch: store.BatchNow | null;
  written: boolean[];
  /** With `partial`: what tasks refer to, but cannot have. Each names its task by index. */
  unmet: readonly Unmet[];
};

/**
 * Commits a batch with its tasks in one statement, and sends the messages of the tasks that are due within the look-ahead.
 *
 * @param ids     of the tasks, ascending, one for each request
 * @param partial leaves out tasks whose unique key is taken, instead of writing none
 * @throws Refusal `organization_not_found`, `role_insufficient`, `session_ended`, `too_many_pending`; `dependency_not_found` and
 *   `dependency_failed` for dependencies that a task cannot wait for; `artifact_not_found` for an artifact in a payload; `unique_key_taken` with the requests whose key is taken, by a
 *   live task or by an earlier request
 */
export async function createBatch(
  deps: CreateDeps,
  principal: Principal,
  {
    batch: { id, organizationId, name, queue },
    requests,
    ids,
    partial,
  }: { batch: BatchRequest; requests: readonly TaskRequest[]; ids: readonly string[]; partial: boolean },
): Promise<CreatedBatch> {
  const tasks = withIds(requests, ids).map((request, at) => ({ ...request, queue, id: ids[at] ?? '' }));
  if (tasks.length === 0) return { batch: null, written: [], unmet: [] };
  const batch = { id, name, queue };
  const cannotWait: Unmet[] = [];
  const insert = tasks.some(refersToOthers)
    ? () => insertReferring(deps, principal, { organizationId, batch, tasks, partial, cannotWait })
    : () =>
        store.insertBatch(deps.db, {
          principal,
          organizationId,
          batch,
          tasks,
          dispatch: deps.dispatch,
          partial,
        });
  const made = await retryOnConflict(insert).catch(async (error: unknown) => {
    if (violated(error) === undefined) throw error;
    const before = await createdEarlier(deps.db, principal, { id, ids });
    if (before) return before;
    throw await uniqueKeysTaken(deps.db, principal, { organizationId, requests });
  });
  if (!made) {
    const refusal = await whyRefused(deps.db, principal, { organizationId, count: tasks.length });
    if (refusal) throw refusal;
    const before = await createdEarlier(deps.db, principal, { id, ids });
    return before ?? { batch: null, written: tasks.map(() => false), unmet: cannotWait };
  }
  if ('written' in made) return made;
  deps.measure?.('TasksCreated', made.tasks.length);
  const { organizationId: home } = made.batch;
  await wake(
    deps,
    principal,
    made.tasks.map((task) => ({ ...task, organizationId: home, queue })),
  );
  return {
    batch: { ...made.batch, running: 0 },
    written: whichOf(ids, made.tasks),
    unmet: cannotWait,
  };
}

/**
 * Writes a batch in which some tasks refer to others, or to artifacts.
 *
 * @param cannotWait receives the unmet references of tasks that `partial` leaves out
 */
async function insertReferring(
  { db, dispatch }: CreateDeps,
  principal: Principal,
  {
    organizationId,
    batch,
    tasks,
    partial,
    cannotWait,
  }: {
    organizationId: string | null;
    batch: store.NewBatch;
    tasks: readonly store.NewTask[];
    partial: boolean;
    cannotWait: Unmet[];
  },
) {
  return asMemberOf(db, { ...principal, organizationId }, async (tx, { role, organizationId: home }) => {
    if (role === 'viewer') throw roleInsufficient(role);
    const unmetNow = await unmetReferences(tx, home, tasks);
    if (unmetNow.length > 0 && !partial) throw unmet(unmetNow, '/tasks/*');
    const leftOut = new Set(unmetNow.map(({ task }) => task));
    if (partial) for (const at of await keyless(tx, home, tasks)) leftOut.add(at);
    const stranded = awaitsLeftOut(tasks, leftOut);
    cannotWait.splice(0, cannotWait.length, ...unmetNow, ...stranded);
    for (const { task } of stranded) leftOut.add(task);
    const wanted = tasks.filter((_task, at) => !leftOut.has(at));
    if (wanted.length === 0) return undefined;
    const made = await store.insertBatch(tx, {
      principal,
      organizationId: home,
      batch,
      tasks: wanted,
      dispatch,
      partial,
    });
    await insertDependencies(tx, home, { tasks: wanted, written: made?.tasks });
    return made;
  });
}

/**
 * Returns the places of tasks whose unique key is taken, when tasks of the request wait for each other: who waits for such a task
 * must be left out with it. A key that is taken after this look makes the insertion fail, and the transaction starts again.
 */
async function keyless(
  tx: Transaction,
  organizationId: string,
  tasks: readonly store.NewTask[],
): Promise<number[]> {
  const ids = new Set(tasks.map(({ id }) => id));
  if (!tasks.some(({ dependsOn }) => dependsOn?.some((other) => ids.has(other)))) return [];
  const keys = tasks.flatMap(({ uniqueKey }) => uniqueKey ?? []);
  const seen = new Set(keys.length === 0 ? [] : await store.takenUniqueKeys(tx, organizationId, keys));
  return tasks.flatMap(({ uniqueKey }, at) => {
    if (uniqueKey === null) return [];
    if (seen.has(uniqueKey)) return [at];
    seen.add(uniqueKey);
    return [];
  });
}

/** Returns the dependencies of tasks that wait, directly or not, for a task of the request that is left out. */
function awaitsLeftOut(tasks: readonly store.NewTask[], leftOut: ReadonlySet<number>): Unmet[] {
  if (leftOut.size === 0) return [];
  const places = new Map(tasks.map(({ id }, place) => [id, place]));
  const links = tasks.map(({ dependsOn }) => (dependsOn ?? []).flatMap((id) => places.get(id) ?? []));
  const stranded = unresolvable(links, leftOut);
  const isGone = (id: string) => {
    const place = places.get(id);
    return place !== undefined && (leftOut.has(place) || stranded.has(place));
  };
  return [...stranded].flatMap((task) => {
    const { dependsOn, inputs } = tasks[task] ?? { dependsOn: null, inputs: null };
    return (dependsOn ?? []).flatMap((id, at) =>
      isGone(id)
        ? {
            task,
            pointer: dependencyPointer({ inputs }, at),
            id,
            to: 'task' as const,
            status: 'NOT_CREATED' as const,
          }
        : [],
    );
  });
}

function whichOf(ids: readonly string[], tasks: readonly { id: string }[]): boolean[] {
  if (tasks.length === ids.length) return ids.map(() => true);
  const there = new Set(tasks.map(({ id }) => id));
  return ids.map((id) => there.has(id));
}

/** Finds the batch that an earlier try of this request created, if its function died before it could answer. */
async function createdEarlier(
  db: Database,
  principal: Principal,
  { id, ids }: { id: string; ids: readonly string[] },
): Promise<CreatedBatch | undefined> {
  return asMember(db, principal, async (tx) => {
    const batch = await store.findBatch(tx, id);
    return batch && { batch, written: whichOf(ids, await store.existingTasks(tx, ids)), unmet: [] };
  });
}

/** Returns the refusal with the requests whose unique key is taken. Runs only after an insertion was refused. */
async function uniqueKeysTaken(
  db: Database,
  principal: Principal,
  { organizationId, requests }: { organizationId: string | null; requests: readonly TaskRequest[] },
): Promise<Refusal> {
  const keys = requests.flatMap(({ uniqueKey }) => uniqueKey ?? []);
  const taken = await asMemberOf(db, { ...principal, organizationId }, (tx, home) =>
    store.takenUniqueKeys(tx, home.organizationId, keys),
  );
  const seen = new Set(taken);
  const fields = requests.flatMap(({ uniqueKey }, index) => {
    if (uniqueKey === null) return [];
    if (!seen.has(uniqueKey)) {
      seen.add(uniqueKey);
      return [];
    }
    const detail = 'A live task, or an earlier one of this batch, has this key';
    return [{ in: 'body', pointer: `/tasks/${index}/unique_key`, detail } as const];
  });
  return new Refusal(
    'conflict',
    'unique_key_taken',
    `Nothing was created: ${fields.length} of the unique keys are taken`,
    {},
    fields,
  );
}
