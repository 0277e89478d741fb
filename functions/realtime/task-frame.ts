import type { Task, Watched } from '../tasks/task.ts';

/**
 * Maximum bytes of a result or of an error in a frame. A task has only one of them. API Gateway posts at most 128 KB, and
 * the rest of the frame is small.
 */
const MAX_BYTES = 100_000;

const fits = (value: unknown) => Buffer.byteLength(JSON.stringify(value)) <= MAX_BYTES;

/**
 * Returns the frame of a task: `status` and `result` first, as in the replaced API (docs/compatibility.md), then further
 * fields. `logs` has all kept lines of the attempt when there are new ones. A result or error details that are too large
 * for a frame are left out and marked; `GET /api/tasks/<id>/` returns them.
 */
export function taskFrame(task: Task & Pick<Watched<Task>, 'logs'>): string {
  const { result = null, error } = task;
  const isWhole = task.artifact === null && fits(result);
  return JSON.stringify({
    status: task.status,
    result: isWhole ? result : null,
    ...(!isWhole && { result_omitted: true }),
    id: task.id,
    seq: task.seq,
    attempt: task.attempt,
    progress: task.progress,
    ...(task.logs && { logs: task.logs }),
    error: fits(error) ? error : { code: error?.code, message: error?.message, details_omitted: true },
    error_message: error?.message ?? null,
    next_attempt_at: task.status === 'SCHEDULED' && task.attempt > 0 ? task.runAt : null,
    cancel_requested_at: task.cancelRequestedAt,
    updated_at: task.updatedAt,
  });
}
