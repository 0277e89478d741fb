import * as z from 'zod';
import { TASK_STATUSES, type Task } from '../../tasks/task.ts';

const time = () => z.iso.datetime().nullable();

/** A task as the API shows it: the seed's fields, then ours. */
export const TaskView = z
  .object({
    id: z.uuid(),
    name: z.string(),
    description: z.string(),
    status: z.enum(TASK_STATUSES),
    scheduled_time: z.iso.datetime(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    result: z.unknown(),
    error_message: z.string().nullable(),
    error: z.object({ code: z.string(), message: z.string() }).loose().nullable(),
    organization: z.uuid(),
    created_by: z.uuid().nullable(),
    kind: z.string(),
    attempt: z.int().describe('Starts so far'),
    max_retries: z.int(),
    next_attempt_at: time().describe('Set between automatic retries'),
    started_at: time().describe('Start of the latest attempt'),
    finished_at: time(),
    cancel_requested_at: time().describe('Set when it was asked to stop while it ran'),
    seq: z.int().describe('Increases with every change'),
  })
  .meta({ id: 'Task' });

export const TaskWithPayload = TaskView.extend({ payload: z.unknown() }).meta({ id: 'TaskWithPayload' });

export const TaskStatusView = z
  .object({
    id: z.uuid(),
    status: z.enum(TASK_STATUSES),
    result: z.unknown(),
    error_message: z.string().nullable(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    attempt: z.int(),
    next_attempt_at: time(),
    seq: z.int(),
  })
  .meta({ id: 'TaskStatus' });

export function taskView(task: Task): z.infer<typeof TaskView> {
  return {
    id: task.id,
    name: task.name,
    description: task.description,
    status: task.status,
    scheduled_time: task.scheduledTime.toISOString(),
    created_at: task.createdAt.toISOString(),
    updated_at: task.updatedAt.toISOString(),
    result: task.result,
    error_message: task.error?.message ?? null,
    error: task.error,
    organization: task.organizationId,
    created_by: task.createdBy,
    kind: task.kind,
    attempt: task.attempt,
    max_retries: task.maxRetries,
    next_attempt_at: nextAttemptAt(task),
    started_at: task.startedAt?.toISOString() ?? null,
    finished_at: task.finishedAt?.toISOString() ?? null,
    cancel_requested_at: task.cancelRequestedAt?.toISOString() ?? null,
    seq: task.seq,
  };
}

export function taskWithPayload(task: Task): z.infer<typeof TaskWithPayload> {
  return { ...taskView(task), payload: task.payload };
}

/** What the seed answers for `GET /api/tasks/<id>/status/`, then what a poller wants. */
export function taskStatusView(task: Task): z.infer<typeof TaskStatusView> {
  const { id, status, result, error_message, created_at, updated_at, attempt, next_attempt_at, seq } =
    taskView(task);
  return { id, status, result, error_message, created_at, updated_at, attempt, next_attempt_at, seq };
}

function nextAttemptAt(task: Task): string | null {
  return task.status === 'SCHEDULED' && task.attempt > 0 ? task.runAt.toISOString() : null;
}
