import { v7 as uuidv7 } from 'uuid';
import type { Database } from '../../database/connect.ts';
import type { Member } from '../../database/testing/database-fixture.ts';
import type { TaskDefinition } from '../define-task.ts';
import type { DomainEvent } from '../events/domain-event.ts';
import { eventPublisher } from '../events/event-publisher.ts';
import { PLAIN_TASK } from '../new-task.ts';
import * as store from '../store/index.ts';
import type { DispatchSettings, Task, TaskStatus } from '../task.ts';
import type { ExecuteDeps } from '../worker/worker.ts';

export const DISPATCH: DispatchSettings = { lookaheadSeconds: 180, resendSeconds: 300 };

export function newTask(given: Partial<store.NewTask> = {}): store.NewTask {
  return {
    ...PLAIN_TASK,
    id: uuidv7(),
    kind: 'data.process',
    name: 'Task',
    payload: {},
    queue: 'interactive',
    maxRetries: 3,
    ...given,
  };
}

/** Creates a task of the member, due now. */
export async function insertTask(
  api: Database,
  member: Member,
  given: Partial<store.NewTask> = {},
): Promise<Task> {
  const [task] = await store.insert(api, {
    principal: member,
    organizationId: null,
    tasks: [newTask(given)],
    dispatch: DISPATCH,
  });
  if (!task) throw new Error('not inserted');
  return task;
}

/** Puts a task into a status past all guards, with the columns that the constraints demand. */
export async function force(admin: Database, id: string, status: TaskStatus): Promise<void> {
  const terminal = ['COMPLETED', 'FAILED', 'CANCELLED'].includes(status);
  await admin`
    update tasks set status = ${status},
      attempt = case when ${status} in ('RUNNING', 'COMPLETED', 'FAILED') then 1 else 0 end,
      started_at = case when ${status} in ('RUNNING', 'COMPLETED', 'FAILED') then now() end,
      finished_at = case when ${terminal} then now() end,
      lease_until = case when ${status} = 'RUNNING' then now() + interval '1 hour' end,
      next_dispatch_at = case when ${status} = 'SCHEDULED' then now() + interval '300 seconds' end,
      error = case when ${status} = 'FAILED' then '{"code":"x","message":"x"}'::jsonb end
    where id = ${id}`;
}

export async function statusOf(admin: Database, id: string): Promise<TaskStatus | undefined> {
  const [row] = await admin<{ status: TaskStatus }[]>`select status from tasks where id = ${id}`;
  return row?.status;
}

/** Dependencies of a worker that runs all tasks inline, without processes. The definitions are read at every look-up. */
export function inlineTasks(
  definitions: () => readonly TaskDefinition[],
): Pick<ExecuteDeps, 'kinds' | 'taskOf' | 'runners'> {
  const byName = () => new Map(definitions().map((task): [string, TaskDefinition] => [task.kind, task]));
  return {
    kinds: { get: (name) => byName().get(name), values: () => byName().values() },
    taskOf: (name) => byName().get(name),
    runners: {
      free: () => 0,
      released: () => new Promise(() => {}),
      run: () => Promise.reject(new Error('Nothing runs isolated here')),
      stop: async () => {},
    },
  };
}

/** An event publisher that keeps its events. */
export function recordedEvents() {
  const published: DomainEvent[] = [];
  const { announce, announceBatch, flush } = eventPublisher(
    async (events) => void published.push(...events),
    (error) =>
      published.push({ id: '', type: 'failure', subject: String(error), time: new Date(), data: {} }),
  );
  return {
    announce,
    announceBatch,
    /** Returns the events since the last call. Flushes first, as a function does at its end. */
    async published(): Promise<DomainEvent[]> {
      await flush();
      return published.splice(0);
    },
  };
}
