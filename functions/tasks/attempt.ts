import type { GuardedFetch } from '../aws/fetch/port.ts';
import { backoffSeconds } from './backoff.ts';
import { type LogLevel, PermanentError, RetryError, type TaskDefinition } from './define-task.ts';
import { storable } from './result.ts';
import type { Outcome, Task, TaskError } from './task.ts';

export type Log = (level: LogLevel, message: string, fields: Record<string, unknown>) => void;

export type AttemptDeps = {
  taskOf: (kind: string) => TaskDefinition | undefined;
  fetch: GuardedFetch;
  log: Log;
};

/** Characters of an error message that the row keeps. */
const MAX_ERROR_MESSAGE = 1_000;

/** A deployment is over by then, with the default of retries. */
const UNKNOWN_KIND_SECONDS = 60;

/** Why the signal of a running attempt was aborted. */
export class AttemptAborted extends Error {
  readonly code: 'soft_limit_exceeded' | 'cancelled' | 'lease_lost';

  constructor(code: AttemptAborted['code'], message: string) {
    super(message);
    this.name = 'AttemptAborted';
    this.code = code;
  }
}

/**
 * Runs one attempt to its outcome; never rejects. The handler's signal aborts at the soft limit and when `interrupt`
 * does; at the hard limit the attempt is given up, whether the handler has stopped or not.
 *
 * @param interrupt aborted when a cancel was requested or the lease was lost
 */
export async function runAttempt(deps: AttemptDeps, task: Task, interrupt: AbortSignal): Promise<Outcome> {
  const definition = deps.taskOf(task.kind);
  const attempt = { id: task.id, attempt: task.attempt };
  if (!definition) {
    // Accepted by an API that is newer or older than this worker: a deployment is under way.
    return {
      ...attempt,
      kind: 'retry',
      delaySeconds: UNKNOWN_KIND_SECONDS,
      error: { code: 'kind_unknown', message: `This worker does not know the kind ${task.kind}` },
    };
  }
  const soft = new AbortController();
  const timers = [
    setTimeout(
      () =>
        soft.abort(
          new AttemptAborted('soft_limit_exceeded', `Task timed out after ${definition.softSeconds} s`),
        ),
      definition.softSeconds * 1000,
    ),
  ];
  const hardLimit = new Promise<never>((_resolve, reject) => {
    const message = `Task was stopped at its hard limit of ${definition.hardSeconds} s`;
    timers.push(
      setTimeout(() => reject(new RetryError('hard_limit_exceeded', message)), definition.hardSeconds * 1000),
    );
  });
  const about = { task_id: task.id, attempt: task.attempt, kind: task.kind };
  try {
    const result = await Promise.race([
      hardLimit,
      definition.perform(task.payload, {
        signal: AbortSignal.any([soft.signal, interrupt]),
        taskId: task.id,
        attempt: task.attempt,
        idempotencyKey: task.id,
        deadline: new Date(Date.now() + definition.softSeconds * 1000),
        fetch: deps.fetch,
        progress: (fraction, note) => deps.log('debug', 'progress', { ...about, fraction, note }),
        log: (level, message, fields) => deps.log(level, message, { ...about, ...fields }),
      }),
    ]);
    return { ...attempt, kind: 'complete', result: storable(result) };
  } catch (thrown) {
    return { ...attempt, ...failure(thrown, task.attempt, definition, deps.log, about) };
  } finally {
    for (const timer of timers) clearTimeout(timer);
  }
}

function failure(
  thrown: unknown,
  attempt: number,
  { retry }: TaskDefinition,
  log: Log,
  about: Record<string, unknown>,
): { kind: 'fail'; error: TaskError } | { kind: 'retry'; error: TaskError; delaySeconds: number } {
  const error = (code: string, message: string, details: object = {}): TaskError =>
    // What a handler threw may quote anything: what Postgres cannot store must not keep the outcome from being settled.
    storable({ code, message: bounded(message), ...details }) as TaskError;
  if (thrown instanceof PermanentError) {
    return { kind: 'fail', error: error(thrown.code, thrown.message, thrown.details) };
  }
  const delaySeconds = backoffSeconds(attempt, retry);
  if (thrown instanceof RetryError) {
    const { code, message, details, afterSeconds } = thrown;
    return {
      kind: 'retry',
      delaySeconds: Math.max(delaySeconds, afterSeconds),
      error: error(code, message, details),
    };
  }
  if (thrown instanceof AttemptAborted) {
    return { kind: 'retry', delaySeconds, error: error(thrown.code, thrown.message) };
  }
  // Nothing that a kind threw on purpose: a bug or an outage, to be found in the log with its cause.
  log('error', 'attempt failed', { ...about, error: thrown });
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return { kind: 'retry', delaySeconds, error: error('handler_failed', message) };
}

function bounded(message: string): string {
  return message.length > MAX_ERROR_MESSAGE ? `${message.slice(0, MAX_ERROR_MESSAGE)}…` : message;
}
