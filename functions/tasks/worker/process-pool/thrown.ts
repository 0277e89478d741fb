import { AttemptAborted } from '../../attempt-aborted.ts';
import { type Json, PermanentError, RetryError } from '../../define-task.ts';
import { textOf } from '../../failure.ts';
import { storableText } from '../../result.ts';

/** A handler's error in a form that crosses processes: its class among the engine's errors, and its data. */
export type Thrown =
  | { readonly as: 'permanent'; readonly code: string; readonly message: string; readonly details: Details }
  | {
      readonly as: 'retry';
      readonly code: string;
      readonly message: string;
      readonly details: Details;
      readonly afterSeconds: number;
    }
  | { readonly as: 'aborted'; readonly code: AttemptAborted['code']; readonly message: string }
  /** A bug or an outage. The stack, with those of its causes, is for the log. */
  | { readonly as: 'other'; readonly name: string; readonly message: string; readonly stack: string };

type Details = Readonly<Record<string, Json>>;

const NOT_LOADED = 'handler_not_loaded';

/** The error of an attempt whose handler, or a dependency of it, could not be loaded. */
export function notLoaded(kind: string): RetryError {
  return new RetryError(NOT_LOADED, `The handler of ${kind} cannot be loaded. The log has the cause`);
}

export function isNotLoaded(error: unknown): error is RetryError {
  return error instanceof RetryError && error.code === NOT_LOADED;
}

const MAX_STACK_CHARACTERS = 10_000;
const MAX_CAUSES = 5;

export function describeThrown(thrown: unknown): Thrown {
  if (thrown instanceof PermanentError) {
    return { as: 'permanent', ...errorFields(thrown) };
  }
  if (thrown instanceof RetryError) {
    const afterSeconds = Number.isFinite(thrown.afterSeconds) ? thrown.afterSeconds : 0;
    return { as: 'retry', ...errorFields(thrown), afterSeconds };
  }
  if (thrown instanceof AttemptAborted) {
    return { as: 'aborted', code: thrown.code, message: thrown.message };
  }
  if (thrown instanceof Error) {
    const [name, message] = [textOf(thrown.name), textOf(thrown)];
    return { as: 'other', name, message, stack: stackOf(thrown).slice(0, MAX_STACK_CHARACTERS) };
  }
  return { as: 'other', name: 'Error', message: textOf(thrown), stack: '' };
}

/** Restores the error with its class. An error of another class becomes an `Error` with its name and stack. */
export function reviveThrown(thrown: Thrown): Error {
  switch (thrown.as) {
    case 'permanent':
      return new PermanentError(thrown.code, thrown.message, { details: thrown.details });
    case 'retry': {
      const { code, message, details, afterSeconds } = thrown;
      return new RetryError(code, message, { details, afterSeconds });
    }
    case 'aborted':
      return new AttemptAborted(thrown.code, thrown.message);
    case 'other':
      return Object.assign(new Error(thrown.message), { name: thrown.name, stack: thrown.stack });
  }
}

/** Copies the data of an error. Handlers in JavaScript may use any value as code and message. */
function errorFields(thrown: PermanentError | RetryError) {
  return { code: String(thrown.code), message: textOf(thrown), details: copied(thrown.details) };
}

/** Copies details as JSON. They may hold values that cannot cross processes, such as functions. */
function copied(details: Details): Details {
  try {
    return { ...JSON.parse(storableText(details)) };
  } catch {
    return {};
  }
}

function stackOf(error: Error): string {
  const stacks: string[] = [];
  for (let each: unknown = error; each instanceof Error && stacks.length < MAX_CAUSES; each = each.cause) {
    stacks.push(each.stack ?? `${each.name}: ${each.message}`);
  }
  return stacks.join('\ncaused by ');
}
