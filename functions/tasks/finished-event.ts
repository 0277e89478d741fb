import type { DomainEvent } from '../aws/bus.ts';
import type { Task } from './task.ts';

/** `task.finished`: a task has reached a terminal status. Without payload and result, which the API has. */
export function finishedEvent(task: Task): DomainEvent {
  return {
    // The status can be reached again after a requeue, but not twice by one attempt.
    id: `${task.id}:${task.attempt}`,
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
      error: task.error,
    },
  };
}
