import * as z from 'zod';
import { ON_FAILURE, QUEUES, TASK_STATUSES, type Task } from '../../../tasks/task.ts';
import { secret } from '../../app/secret.ts';

const time = () => z.iso.datetime().nullable();

/** A retry policy in the API's form. */
export const RetryView = z.object({
  base_seconds: z.number(),
  factor: z.number(),
  cap_seconds: z.number(),
  jitter: z.enum(['full', 'none']),
  never_retry: z.array(z.string()),
});

export const LimitsView = z.object({ soft_seconds: z.number(), hard_seconds: z.number() });

/** A task in the API's form. The first fields are those of the replaced API: docs/compatibility.md. */
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
    result_bytes: z
      .int()
      .nullable()
      .describe('Bytes of a result that is too large to inline. `result` is then null'),
    error_message: z.string().nullable(),
    error: z.object({ code: z.string(), message: z.string() }).loose().nullable(),
    organization: z.uuid(),
    created_by: z.uuid().nullable(),
    batch: z.uuid().nullable(),
    kind: z.string(),
    queue: z.enum(QUEUES),
    attempt: z.int().describe('Number of attempts that have started'),
    max_retries: z.int(),
    retry: RetryView.partial().nullable().describe('Settings that override the kind'),
    limits: LimitsView.nullable().describe('Limits that override the kind'),
    unique_key: z.string().nullable(),
    concurrency_key: z.string().nullable(),
    concurrency_limit: z.int().nullable(),
    inputs: z
      .record(z.string(), z.uuid())
      .nullable()
      .describe('Tasks whose results it is given, by the names in `depends_on`'),
    on_failure: z.enum(ON_FAILURE).describe('What the task does when a task that it depends on fails'),
    ref: z.string().nullable().describe('Name of the task among the tasks of its bulk request'),
    progress: z
      .object({ fraction: z.number(), note: z.string().nullable(), at: z.iso.datetime() })
      .nullable()
      .describe('Progress of the latest attempt, as last reported by its handler'),
    next_attempt_at: time().describe('Set between automatic retries'),
    started_at: time().describe('Start of the latest attempt'),
    finished_at: time(),
    cancel_requested_at: time().describe('Time at which a cancel was requested while the task ran'),
    seq: z.int().describe('Increases with every change'),
  })
  .meta({ id: 'Task' });

export const TaskWithPayload = TaskView.extend({
  payload: z
    .unknown()
    .describe(
      'Exactly as it was written. For a viewer, `[hidden]` replaces possible secrets: such headers, and fields and URL parameters with names like `password` or `api_key`',
    ),
}).meta({ id: 'TaskWithPayload' });

/** A task in a list: its id and the requested fields. */
export const TaskRow = TaskWithPayload.partial().required({ id: true }).meta({ id: 'TaskRow' });

const resultUrl = secret(
  z.url().nullable().describe('Download URL for a result that is too large to inline. Valid for 15 minutes'),
);

export const ExplainedTask = TaskWithPayload.extend({
  result_url: resultUrl,
  waiting: z
    .object({ code: z.string(), message: z.string() })
    .nullable()
    .describe('Reason why the task has not started yet. Null when it does not wait'),
}).meta({ id: 'ExplainedTask' });

/** One task with its id and the requested fields. */
export const TaskExcerpt = ExplainedTask.partial().required({ id: true }).meta({ id: 'TaskExcerpt' });

export const TaskStatusView = z
  .object({
    id: z.uuid(),
    status: z.enum(TASK_STATUSES),
    result: z.unknown(),
    result_url: resultUrl,
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
    result_bytes: task.artifact?.bytes ?? null,
    error_message: task.error?.message ?? null,
    error: task.error,
    organization: task.organizationId,
    created_by: task.createdBy,
    batch: task.batchId,
    kind: task.kind,
    queue: task.queue,
    attempt: task.attempt,
    max_retries: task.maxRetries,
    retry: retryView(task.retryPolicy),
    limits: limitsView(task),
    unique_key: task.uniqueKey,
    concurrency_key: task.concurrencyKey,
    concurrency_limit: task.concurrencyLimit,
    inputs: task.inputs,
    on_failure: task.onFailure,
    ref: task.ref,
    progress: task.progress,
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

/**
 * Returns the answer of `GET /api/tasks/<id>/status/`: first the fields of the replaced API, then the fields that a
 * polling client needs.
 */
export function taskStatusView(task: Task): Omit<z.infer<typeof TaskStatusView>, 'result_url'> {
  const { id, status, result, error_message, created_at, updated_at, attempt, next_attempt_at, seq } =
    taskView(task);
  return { id, status, result, error_message, created_at, updated_at, attempt, next_attempt_at, seq };
}

function retryView(policy: Task['retryPolicy']): z.infer<typeof TaskView>['retry'] {
  if (policy === null) return null;
  const { base, factor, cap, jitter, neverRetry } = policy;
  return {
    base_seconds: base,
    factor,
    cap_seconds: cap,
    jitter,
    never_retry: neverRetry && [...neverRetry],
  };
}

function limitsView({ softSeconds, hardSeconds }: Task): z.infer<typeof TaskView>['limits'] {
  return softSeconds === null || hardSeconds === null
    ? null
    : { soft_seconds: softSeconds, hard_seconds: hardSeconds };
}

function nextAttemptAt(task: Task): string | null {
  return task.status === 'SCHEDULED' && task.attempt > 0 ? task.runAt.toISOString() : null;
}
