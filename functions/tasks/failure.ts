import { AttemptAborted } from './attempt-aborted.ts';
import { backoffSeconds } from './backoff.ts';
import { PermanentError, RetryError } from './define-task.ts';
import { clean, MAX_ROW_BYTES, storableText } from './result.ts';
import type { RetryPolicy, TaskError } from './task.ts';

/** Characters of an error message that are stored in the row. */
const MAX_ERROR_MESSAGE = 1_000;

type Failure = { kind: 'fail'; error: TaskError } | { kind: 'retry'; error: TaskError; delaySeconds: number };

/**
 * Returns the outcome of an attempt whose handler threw. An error of any other class than the engine's own gets the code
 * `handler_failed`.
 *
 * @param attempt attempts made, this one included
 */
export function failureOf(thrown: unknown, attempt: number, policy: RetryPolicy): Failure {
  const error = errorOf(thrown);
  if (thrown instanceof PermanentError || policy.neverRetry.includes(error.code)) {
    return { kind: 'fail', error };
  }
  const afterSeconds = thrown instanceof RetryError ? thrown.afterSeconds : 0;
  return { kind: 'retry', error, delaySeconds: Math.max(backoffSeconds(attempt, policy), afterSeconds) };
}

/** Returns true for errors that the engine or the handler throws on purpose. Any other error is a bug or an outage. */
export function isMeant(thrown: unknown): boolean {
  return thrown instanceof PermanentError || thrown instanceof RetryError || thrown instanceof AttemptAborted;
}

/**
 * Makes a storable error. A handler's error may quote anything; text that Postgres cannot store must not prevent the settlement.
 */
function errorOf(thrown: unknown): TaskError {
  if (thrown instanceof PermanentError || thrown instanceof RetryError) {
    const { code, message, details } = thrown;
    return { ...detailsOf(details), code: clean(code), message: bounded(message) };
  }
  if (thrown instanceof AttemptAborted) return { code: thrown.code, message: bounded(thrown.message) };
  return { code: 'handler_failed', message: bounded(textOf(thrown)) };
}

/** Returns the message of a thrown value. Some values cannot be turned into text. */
export function textOf(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown);
  } catch {
    return 'What was thrown says nothing';
  }
}

function detailsOf(details: unknown): Record<string, unknown> {
  try {
    const text = storableText(details);
    return Buffer.byteLength(text) <= MAX_ROW_BYTES ? JSON.parse(text) : { details_left_out: true };
  } catch {
    return { details_left_out: true };
  }
}

function bounded(message: string): string {
  return clean(message.length > MAX_ERROR_MESSAGE ? `${message.slice(0, MAX_ERROR_MESSAGE)}…` : message);
}
