import { LOG_LEVELS, type LogLevel, type TaskContext } from './define-task.ts';
import { clean, storableText } from './result.ts';
import type { LogEntry, Progress } from './task.ts';

/** Progress and log lines of a handler, each within its limits. */
export type HandlerOutput = {
  /** The latest progress; null when it has not changed. */
  progress: Progress | null;
  lines: readonly LogEntry[];
  /** Number of lines beyond the limit, which are not passed on. */
  leftOut: number;
};

/** Limits of a handler's output. Longer texts are cut, larger fields are left out, further lines are only counted. */
export const NOTE_CHARACTERS = 200;
export const MESSAGE_CHARACTERS = 1_000;
export const FIELDS_BYTES = 2_048;
/**
 * Log lines of one attempt that are passed on. All of them go to the structured log, the last ones to the stored log of the
 * attempt.
 */
export const MAX_LINES = 1_000;

/** Returns the `progress` and `log` functions of a handler. They never throw, whatever their arguments. */
export function handlerOutput(
  onOutput: (output: HandlerOutput) => void,
): Pick<TaskContext, 'progress' | 'log'> {
  let lines = 0;
  return {
    progress(fraction, note) {
      const progress = progressOf(fraction, note);
      if (progress) onOutput({ progress, lines: [], leftOut: 0 });
    },
    log(level, message, fields) {
      lines += 1;
      if (lines > MAX_LINES) onOutput({ progress: null, lines: [], leftOut: 1 });
      else onOutput({ progress: null, lines: [logEntry(level, message, fields)], leftOut: 0 });
    },
  };
}

/** Merges two outputs of one attempt. */
export function mergeOutput(before: HandlerOutput, after: HandlerOutput): HandlerOutput {
  return {
    progress: after.progress ?? before.progress,
    lines: after.lines.length === 0 ? before.lines : [...before.lines, ...after.lines],
    leftOut: before.leftOut + after.leftOut,
  };
}

export const NO_OUTPUT: HandlerOutput = { progress: null, lines: [], leftOut: 0 };

/** @returns undefined when `fraction` is not a number */
function progressOf(fraction: number, note: string | undefined): Progress | undefined {
  if (typeof fraction !== 'number' || Number.isNaN(fraction)) return undefined;
  return {
    fraction: Math.min(1, Math.max(0, fraction)),
    note: note === undefined ? null : bounded(note, NOTE_CHARACTERS),
    at: new Date().toISOString(),
  };
}

function logEntry(level: LogLevel, message: string, fields: unknown): LogEntry {
  const line = {
    at: new Date().toISOString(),
    level: LOG_LEVELS.includes(level) ? level : 'info',
    message: bounded(message, MESSAGE_CHARACTERS),
  };
  return fields === undefined ? line : { ...line, fields: fieldsOf(fields) };
}

function fieldsOf(fields: unknown): NonNullable<LogEntry['fields']> {
  try {
    const text = storableText(fields);
    const bytes = Buffer.byteLength(text);
    if (bytes > FIELDS_BYTES) return { left_out: `${bytes} bytes of fields` };
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : { value: parsed };
  } catch {
    return { left_out: 'fields that are not JSON' };
  }
}

function bounded(text: string, characters: number): string {
  const whole = String(text);
  return clean(whole.length > characters ? `${whole.slice(0, characters - 1)}…` : whole);
}
