import { AttemptAborted } from './attempt-aborted.ts';
import { backoffSeconds } from './backoff.ts';
import { PermanentError, RetryError } from './define-task.ts';
import { clean, MAX_ROW_BYTES, storableText } from './result.ts';
import type { RetryPolicy, TaskError } from './task.ts';

/** Characters of an error message that the row keeps. */
const MAX_ERROR_MESSAGE = 1_000;

type Failure = { kind: 'fail'; error: TaskError } | { kind: 'retry'; error: TaskError; delaySeconds: number };

/**
 * What becomes of an attempt whose handler threw. What nobody threw on purpose is a `handler_failed`.
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

/** Whether the engine or the handler threw it on purpose; anything else is a bug or an outage. */
export function isMeant(thrown: unknown): boolean {
  return thrown instanceof PermanentError || thrown instanceof RetryError || thrown instanceof AttemptAborted;
}

/** What a handler threw may quote anything: what Postgres cannot store must not keep the outcome from being settled. */
function errorOf(thrown: unknown): TaskError {
  if (thrown instanceof PermanentError || thrown instanceof RetryError) {
    const { code, message, details } = thrown;
    return { ...detailsOf(details), code: clean(code), message: bounded(message) };
  }
  if (thrown instanceof AttemptAborted) return { code: thrown.code, message: bounded(thrown.message) };
  return { code: 'handler_failed', message: bounded(textOf(thrown)) };
}

/** What was thrown, in words; there are things that have none. */
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
