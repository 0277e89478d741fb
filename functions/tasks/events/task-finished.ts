import type { Batch, Task, TaskError } from '../task.ts';
import type { DomainEvent } from './domain-event.ts';

/** Bytes of an error with its details. EventBridge refuses events of 256 KiB. */
const MAX_ERROR_BYTES = 64 * 1024;

/** Makes the event `task.finished`: a task has reached a terminal status. Payload and result are left out; the API has them. */
export function finishedEvent(task: Task): DomainEvent {
  return {
    id: idOf(task),
    type: 'task.finished',
    subject: task.id,
    time: task.finishedAt ?? task.updatedAt,
    data: {
      task_id: task.id,
      organization_id: task.organizationId,
      kind: task.kind,
      name: task.name,
      status: task.status,
      attempt: task.attempt,
      error: task.error && briefly(task.error),
    },
  };
}

/**
 * Returns the event's id, by task and attempt, because an attempt ends once. A task that is cancelled after a requeue and before
 * a further attempt ends a second time with the same attempt number, so its id also has `seq`.
 */
function idOf({ id, attempt, cause, startedAt, seq }: Task): string {
  return cause === 'requeue' && startedAt === null ? `${id}:${attempt}:${seq}` : `${id}:${attempt}`;
}

function briefly(error: TaskError): TaskError {
  if (Buffer.byteLength(JSON.stringify(error)) <= MAX_ERROR_BYTES) return error;
  return { code: error.code, message: error.message, details_left_out: true };
}

/**
 * Makes the event `batch.finished`: every task of a batch has reached a terminal status. It replaces the events of the single
 * tasks.
 */
export function batchFinishedEvent(batch: Batch): DomainEvent {
  return {
    // A batch whose tasks run again finishes again, with a new id.
    id: `${batch.id}:${batch.seq}`,
    type: 'batch.finished',
    subject: batch.id,
    time: new Date(batch.finishedAt ?? batch.updatedAt),
    data: {
      batch_id: batch.id,
      organization_id: batch.organizationId,
      name: batch.name,
      total: batch.total,
      completed: batch.completed,
      failed: batch.failed,
      cancelled: batch.cancelled,
    },
  };
}
