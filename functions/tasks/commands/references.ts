import type { Database, Transaction } from '../../database/connect.ts';
import { JsonText } from '../../exact-json/json-text.ts';
import { notSenders } from '../../mail/operations/senders.ts';
import { type FieldError, pointerTo, Refusal } from '../../refusal.ts';
import * as store from '../store/index.ts';
import type { TaskStatus } from '../task.ts';
import { dependencyPointer } from './local-names.ts';

/* What new tasks refer to: the tasks that they wait for, and the artifacts and the sender that their payloads name. */

/** Returns true when something else must exist for a new task: the tasks that it waits for, artifacts, or a sender. */
export function refersToOthers({
  dependsOn,
  artifactIds,
  sender,
}: Pick<store.NewTask, 'dependsOn' | 'artifactIds' | 'sender'>): boolean {
  return dependsOn !== null || artifactIds !== undefined || sender !== undefined;
}

/**
 * A dependency that a new task cannot wait for because it does not exist or will not complete, an artifact that is not there, or an
 * address that the installation may not send from.
 */
export type Unmet = {
  /** Index of the task among the new tasks. */
  task: number;
  /** JSON pointer to the id, from the task. */
  pointer: string;
  id: string;
  to: 'task' | 'artifact' | 'sender';
  /** Status of the dependency; undefined when there is none; `NOT_CREATED` for a task of the same request that is left out. */
  status: TaskStatus | 'NOT_CREATED' | undefined;
};

/**
 * Marks the dependencies of new tasks of an organization as waited for. None of them can end before the transaction does.
 *
 * @returns the dependencies that the tasks cannot wait for, and the artifacts that are not there
 */
export async function unmetReferences(
  tx: Transaction,
  organizationId: string,
  tasks: readonly store.NewTask[],
): Promise<Unmet[]> {
  // Tasks that are written together may wait for each other.
  const own = tasks.map(({ id }) => ({ id, status: 'PENDING' as const }));
  const ids = new Set(own.map(({ id }) => id));
  const wanted = [...new Set(tasks.flatMap(({ dependsOn }) => dependsOn ?? []).filter((id) => !ids.has(id)))];
  const awaited = wanted.length === 0 ? [] : await store.awaitTasks(tx, organizationId, wanted);
  return [...unmetOf(tasks, [...own, ...awaited]), ...(await unmetInPayloads(tx, organizationId, tasks))];
}

/** Returns the artifacts and the senders in payloads of new tasks that are not there. */
export async function unmetInPayloads(
  on: Database | Transaction,
  organizationId: string,
  tasks: readonly Pick<store.NewTask, 'artifactIds' | 'payload' | 'sender'>[],
): Promise<Unmet[]> {
  return [...(await unmetArtifacts(on, organizationId, tasks)), ...(await unmetSenders(on, tasks))];
}

/** Writes the dependencies of the new tasks that were written. */
export async function insertDependencies(
  tx: Transaction,
  organizationId: string,
  {
    tasks,
    written = [],
  }: { tasks: readonly store.NewTask[]; written: readonly { id: string }[] | undefined },
): Promise<void> {
  const there = new Set(written.map(({ id }) => id));
  const those = tasks.filter(({ id }) => there.has(id));
  await store.insertDependencies(tx, organizationId, those);
}

/** @param awaited the dependencies that exist */
export function unmetOf(
  tasks: readonly Pick<store.NewTask, 'dependsOn' | 'inputs' | 'onFailure'>[],
  awaited: readonly { id: string; status: TaskStatus }[],
): Unmet[] {
  const found = new Map(awaited.map(({ id, status }) => [id, status]));
  return tasks.flatMap(({ dependsOn, inputs, onFailure }, task) => {
    const isLost = (status: TaskStatus) =>
      onFailure === 'cancel' && (status === 'FAILED' || status === 'CANCELLED');
    return (dependsOn ?? [])
      .map((id, at) => ({
        task,
        pointer: dependencyPointer({ inputs }, at),
        id,
        to: 'task' as const,
        status: found.get(id),
      }))
      .filter(({ status }) => status === undefined || isLost(status));
  });
}

/** Returns the artifacts that payloads of new tasks name and that are not there. */
async function unmetArtifacts(
  on: Database | Transaction,
  organizationId: string,
  tasks: readonly Pick<store.NewTask, 'artifactIds' | 'payload'>[],
): Promise<Unmet[]> {
  const wanted = [...new Set(tasks.flatMap(({ artifactIds = [] }) => artifactIds))];
  const missing = wanted.length === 0 ? [] : await store.missingArtifacts(on, organizationId, wanted);
  const isMissing = new Set(missing);
  return tasks.flatMap(({ artifactIds = [], payload }, task) =>
    artifactIds
      .filter((id) => isMissing.has(id))
      .map((id) => ({
        task,
        pointer: `/payload${pointerToText(payload instanceof JsonText ? payload.value : payload, id) ?? ''}`,
        id,
        to: 'artifact' as const,
        status: undefined,
      })),
  );
}

/** Returns the senders of new tasks that the installation may not send from. */
async function unmetSenders(
  on: Database | Transaction,
  tasks: readonly Pick<store.NewTask, 'payload' | 'sender'>[],
): Promise<Unmet[]> {
  const wanted = [...new Set(tasks.flatMap(({ sender }) => sender ?? []))];
  if (wanted.length === 0) return [];
  const missing = await notSenders(on, wanted);
  return tasks.flatMap(({ sender, payload }, task) =>
    sender === undefined || !missing.has(sender)
      ? []
      : {
          task,
          pointer: `/payload${pointerToText(payload instanceof JsonText ? payload.value : payload, sender.toLowerCase()) ?? ''}`,
          id: sender,
          to: 'sender' as const,
          status: undefined,
        },
  );
}

/** Returns the JSON pointer to the first text in a value that is this id. The id is in lower case. */
function pointerToText(value: unknown, id: string): string | undefined {
  if (typeof value === 'string') return value.toLowerCase() === id ? '' : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [member, inner] of Object.entries(value)) {
    const pointer = pointerToText(inner, id);
    if (pointer !== undefined) return `${pointerTo([member])}${pointer}`;
  }
  return undefined;
}

/** @param path of the task in the body, without a slash at its end */
export function unmetField({ pointer, id, to, status }: Unmet, path: string): FieldError {
  return { in: 'body', pointer: `${path}${pointer}`, detail: unmetDetail(id, to, status) };
}

function unmetDetail(id: string, to: Unmet['to'], status: Unmet['status']): string {
  if (to === 'sender') return 'This installation may not send mail from this address';
  if (status === undefined) return `There is no such ${to} in the organization`;
  if (status === 'NOT_CREATED') return 'The task of this request that it names is not created';
  return `The task ${id} is ${status}, and will not complete`;
}

/**
 * Returns the refusal of tasks that refer to what is not there, or that cannot wait for their dependencies.
 *
 * @param list at least one
 * @param path of a task in the body; `*` stands for the task's index among the new tasks
 */
export function unmet(list: readonly Unmet[], path: string): Refusal {
  const fields = list.map((each) => unmetField(each, path.replace('*', String(each.task))));
  const unknown = list.findIndex(({ status }) => status === undefined);
  const first = fields[Math.max(0, unknown)];
  if (unknown !== -1 && first) {
    const where = first.pointer.slice(1).replaceAll('/', '.');
    const { to } = list[unknown] ?? {};
    if (to === 'sender') {
      return new Refusal('forbidden', 'sender_not_verified', `${where}: ${first.detail}`, {}, fields);
    }
    const code = to === 'artifact' ? 'artifact_not_found' : 'dependency_not_found';
    return new Refusal('not_found', code, `${where}: ${first.detail}`, {}, fields);
  }
  const [failed] = list;
  return new Refusal(
    'conflict',
    'dependency_failed',
    first?.detail ?? '',
    { task: failed?.id, task_status: failed?.status },
    fields,
  );
}
