import type { Database } from '../../database/connect.ts';
import { retryOnConflict } from '../../database/retry-on-conflict.ts';
import {
  insertDependencies,
  refersToOthers,
  type Unmet,
  unmetField,
  unmetInPayloads,
  unmetOf,
  unmetReferences,
} from '../commands/references.ts';
import type { LineError } from '../kinds/batch-import/line-errors.ts';
import * as store from '../store/index.ts';
import type { DispatchSettings } from '../task.ts';

type Job = store.ImportAttempt & { organizationId: string; createdBy: string | null };
type Written = NonNullable<Awaited<ReturnType<typeof store.insertImported>>>;

/**
 * Returns the dependencies that these tasks of an import cannot wait for, and the artifacts and senders that are not there, by the
 * place of the task. Nothing is locked: the answer may change before the tasks are written.
 */
export async function unmetNow(
  db: Database,
  organizationId: string,
  tasks: readonly Pick<
    store.NewTask,
    'dependsOn' | 'inputs' | 'onFailure' | 'artifactIds' | 'payload' | 'sender'
  >[],
): Promise<ReadonlyMap<number, LineError[]>> {
  const wanted = [...new Set(tasks.flatMap(({ dependsOn }) => dependsOn ?? []))];
  const statuses = wanted.length === 0 ? [] : await store.statusesOf(db, organizationId, wanted);
  const inPayloads = await unmetInPayloads(db, organizationId, tasks);
  return byTask([...unmetOf(tasks, statuses), ...inPayloads]);
}

/**
 * Writes tasks of an import, some of which may refer to other tasks, to artifacts or to senders. Dependencies are marked as waited for first, so that none of them
 * ends unnoticed in between.
 *
 * @returns `made`: the written tasks, undefined when this attempt no longer has the import. `unmet`: the tasks that were left out
 *   because they cannot wait, by their place
 */
export async function insertWaiting(
  db: Database,
  job: Job,
  { tasks, dispatch }: { tasks: readonly store.NewTask[]; dispatch: DispatchSettings },
): Promise<{ made: Written | undefined; unmet: ReadonlyMap<number, LineError[]> }> {
  if (!tasks.some(refersToOthers)) {
    return {
      made: await store.insertImported(db, { attempt: job, createdBy: job.createdBy, tasks, dispatch }),
      unmet: new Map(),
    };
  }
  const writing = () =>
    db.begin(async (tx) => {
      const unmet = byTask(await unmetReferences(tx, job.organizationId, tasks));
      const able = tasks.filter((_, place) => !unmet.has(place));
      const made = await store.insertImported(tx, {
        attempt: job,
        createdBy: job.createdBy,
        tasks: able,
        dispatch,
      });
      await insertDependencies(tx, job.organizationId, { tasks: able, written: made?.tasks });
      return { made, unmet };
    });
  return (await retryOnConflict(writing)) as Awaited<ReturnType<typeof insertWaiting>>;
}

function byTask(unmet: readonly Unmet[]): Map<number, LineError[]> {
  const errors = new Map<number, LineError[]>();
  for (const each of unmet) {
    const { pointer, detail } = unmetField(each, '');
    errors.set(each.task, [...(errors.get(each.task) ?? []), { pointer, detail }]);
  }
  return errors;
}
