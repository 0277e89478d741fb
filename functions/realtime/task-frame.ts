import type { Task, Watched } from '../tasks/task.ts';

/** API Gateway posts at most 128 KB; the rest of the frame is small. */
const MAX_RESULT_CHARACTERS = 100_000;

/**
 * The frame of a task: the seed's `status` and `result`, then what a newer client wants; `logs`, all that is kept of the attempt's, when
 * there is something new. A result too large for a
 * frame is left out and marked; `GET /api/tasks/<id>/` has it.
 */
export function taskFrame(task: Task & Pick<Watched<Task>, 'logs'>): string {
  const result = JSON.stringify(task.result ?? null);
  const fits = task.artifact === null && Buffer.byteLength(result) <= MAX_RESULT_CHARACTERS;
  return JSON.stringify({
    status: task.status,
    result: fits ? (task.result ?? null) : null,
    ...(!fits && { result_omitted: true }),
    id: task.id,
    seq: task.seq,
    attempt: task.attempt,
    progress: task.progress,
    ...(task.logs && { logs: task.logs }),
    error: task.error,
    error_message: task.error?.message ?? null,
    next_attempt_at: task.status === 'SCHEDULED' && task.attempt > 0 ? task.runAt : null,
    cancel_requested_at: task.cancelRequestedAt,
    updated_at: task.updatedAt,
  });
}
