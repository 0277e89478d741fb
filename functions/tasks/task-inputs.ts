import type { Json } from './define-task.ts';
import type { TaskError, TaskStatus } from './task.ts';

/** How a task ended that another task depends on. */
export interface Input {
  readonly taskId: string;
  /**
   * `COMPLETED`. With `on_failure` `run` also `FAILED` or `CANCELLED`, or another status when a person has retried the dependency
   * since.
   */
  readonly status: TaskStatus;
  /** Result of a `COMPLETED` task; otherwise null. */
  readonly result: Json;
  /** Error of a task that did not complete; null for one that was cancelled before its first attempt. */
  readonly error: TaskError | null;
}

/** Results of the tasks that the task of a running attempt depends on, by the names in its `depends_on`. */
export interface TaskInputs {
  /** The names. Empty when `depends_on` gives none. */
  readonly names: readonly string[];
  /**
   * Reads how a dependency ended, at this moment. A result may have 32 MiB, so nothing is read before it is asked for.
   *
   * @throws PermanentError `input_unknown` for a name that the task does not have, `input_expired` when the dependency was removed
   * @throws RetryError `inputs_unavailable` when the database or the storage does not answer
   */
  get(name: string): Promise<Input>;
  /**
   * Reads the result of a dependency that has `COMPLETED`.
   *
   * @throws PermanentError `input_not_completed` for one that has not, and the errors of `get`
   */
  result(name: string): Promise<Json>;
}
