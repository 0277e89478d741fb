import type { DatabaseFixture, Member } from '../../../database/testing/database-fixture.ts';
import { releaseDependents } from '../../dispatcher/dependents.ts';
import { tick } from '../../dispatcher/tick.ts';
import * as store from '../../store/index.ts';
import type { Task, TaskStatus } from '../../task.ts';
import { DISPATCH, newTask } from '../../verification/fixtures.ts';
import { actInBulk, EVERYTHING } from '../bulk-actions.ts';
import { cancelTask, retryTask } from '../change.ts';
import { createTasks } from '../create.ts';

/** An error that ends an attempt. */
export const BOOM = { code: 'boom', message: 'boom' };

const quiet = { dispatch: DISPATCH, announce: () => {}, enqueue: async () => [] };

/** Tasks of one member that depend on each other, on real Postgres. */
export function dependentsStage(on: DatabaseFixture) {
  const [api, worker, dispatcher] = [on.as('api'), on.as('worker'), on.as('dispatcher')];
  const deps = { db: api, ...quiet };
  let ada: Member;

  const claim = async ({ id }: Task) =>
    (await store.claim(worker, { ids: [id], leaseSeconds: 30, soonSeconds: 0 })).claimed[0]?.attempt ?? 0;

  /** Ends an attempt of a task, and releases its dependents. */
  const settle = async ({ id }: Task, attempt: number, kind: 'complete' | 'fail'): Promise<void> => {
    const outcome = kind === 'complete' ? ({ kind, result: 1 } as const) : ({ kind, error: BOOM } as const);
    await store.settle(worker, [{ ...outcome, id, attempt }], DISPATCH);
    await releaseDependents({ db: worker, ...quiet }, { ids: [id] });
  };

  return {
    worker,
    dispatcher,
    deps,
    claim,
    settle,
    /** The member whose tasks these are. */
    ada: () => ada,
    async newMember(): Promise<void> {
      ada = await on.member();
    },
    async create(dependsOn: readonly Task[] = [], given: Partial<store.NewTask> = {}): Promise<Task> {
      const ids = dependsOn.length > 0 ? dependsOn.map(({ id }) => id) : null;
      const { id: _, ...request } = newTask({ maxRetries: 0, dependsOn: ids, ...given });
      const [task] = await createTasks(deps, ada, { organizationId: null, requests: [request] });
      if (!task) throw new Error('not created');
      return task;
    },
    end: async (task: Task, kind: 'complete' | 'fail') => settle(task, await claim(task), kind),
    cancel: (task: Task) => cancelTask(deps, ada, task.id),
    retry: (task: Task) => retryTask(deps, ada, task.id),
    retryMany: (ids: readonly string[]) =>
      actInBulk(deps, ada, {
        wanted: { action: 'retry' },
        filter: { ...EVERYTHING, ids },
        remainingSeconds: () => 60,
      }),
    /** Runs a tick of the dispatcher. */
    tick: () => tick({ ...quiet, db: dispatcher, round: { lane: null } }, () => 60),
    /** Returns the tasks' statuses, in the order of the tasks. */
    async statuses(...tasks: readonly Task[]): Promise<(TaskStatus | undefined)[]> {
      const rows = await on.admin<{ id: string; status: TaskStatus }[]>`select id, status from tasks`;
      return tasks.map((task) => rows.find(({ id }) => id === task.id)?.status);
    },
  };
}
