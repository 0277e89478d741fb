import { JsonText } from '../../../exact-json/json-text.ts';
import type { Capped, NewTask, Timed } from '../../store/index.ts';
import type { DispatchSettings, Task, TaskError, Watched } from '../../task.ts';

/** A task in the model: the columns that the engine's decisions depend on. Times are by the model's clock. */
export type Row = Task & {
  leaseUntil: Date | null;
  nextDispatchAt: Date | null;
  dispatches: number;
  heldBy: string | null;
};

/** An attempt, as the table `attempts` has it. */
export type Entry = {
  attempt: number;
  outcome: 'running' | 'completed' | 'retried' | 'failed' | 'aborted' | 'crashed';
  cause: Task['cause'];
  delaySeconds: number | null;
  error: TaskError | null;
};

/** Values that all tasks of one creation share. */
export type Creation = { organizationId: string; batchId: string | null; dispatch: DispatchSettings };

/** Next dispatch of a held task: the dispatcher does not look at it. */
export const NEVER = new Date(8.64e15);

/** Returns the time `seconds` after another. */
export function later(than: Date, seconds: number): Date {
  return new Date(than.getTime() + seconds * 1000);
}

/** Returns when the dispatcher must next look at a task that is due at `runAt`. */
export function nextDispatch(
  runAt: Date,
  now: Date,
  { lookaheadSeconds, resendSeconds }: DispatchSettings,
): Date {
  return later(runAt, runAt <= later(now, lookaheadSeconds) ? resendSeconds : -lookaheadSeconds);
}

/** A row as `insert` writes it. @param waits true while a task that it depends on has not completed */
export function created(
  task: NewTask,
  { waits, organizationId, batchId, now, dispatch }: Creation & { waits: boolean; now: Date },
): Row {
  const asked = task.scheduledTime ? new Date(task.scheduledTime) : now;
  const runAt = asked > now ? asked : now;
  return {
    ...task,
    payload: JsonText.of(task.payload),
    organizationId,
    createdBy: null,
    batchId,
    status: waits ? 'PENDING' : 'SCHEDULED',
    scheduledTime: asked,
    runAt,
    attempt: 0,
    attemptLimit: task.maxRetries + 1,
    cause: 'created',
    crashes: 0,
    startedAt: null,
    finishedAt: null,
    cancelRequestedAt: null,
    progress: null,
    result: null,
    artifact: null,
    error: null,
    hasDependents: false,
    seq: 1,
    createdAt: now,
    updatedAt: now,
    leaseUntil: null,
    nextDispatchAt: waits ? null : nextDispatch(runAt, now, dispatch),
    dispatches: 0,
    heldBy: null,
  };
}

/** A row as a statement returns it. */
export function returned(row: Row, now: Date, capped = false): Capped<Timed<Watched<Task>>> {
  const dueInSeconds = (row.runAt.getTime() - now.getTime()) / 1000;
  return { ...row, watchers: [], batch: null, dueInSeconds, capped };
}
