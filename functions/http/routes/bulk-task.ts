import { type FieldError, invalidRequest, Refusal } from '../../refusal.ts';
import type { TaskRequest } from '../../tasks/create.ts';
import type { Queue } from '../../tasks/task.ts';
import { TaskFields, taskRequest, withItsRules } from './task-request.ts';

const BulkTask = withItsRules(TaskFields);

/** A task of a batch as it is to be written, or every rule that it breaks. Pointers begin at the task. */
export function readTask(item: unknown, queue: Queue): TaskRequest | { errors: readonly FieldError[] } {
  const fields = BulkTask.safeParse(item);
  if (!fields.success) return { errors: invalidRequest('body', fields.error).fields };
  try {
    return taskRequest(fields.data, queue);
  } catch (thrown) {
    if (thrown instanceof Refusal) return { errors: thrown.fields };
    throw thrown;
  }
}
