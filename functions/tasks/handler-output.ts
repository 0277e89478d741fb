import { LOG_LEVELS, type LogLevel, type TaskContext } from './define-task.ts';
import { clean, storableText } from './result.ts';
import type { LogEntry, Progress } from './task.ts';

/** What a handler has told since it was last heard, each within its bounds. */
export type Said = {
  /** The latest. */
  progress: Progress | null;
  lines: readonly LogEntry[];
  /** Lines that were not passed on. */
  leftOut: number;
};

/** Bounds of what a handler may tell. Longer texts are cut, larger fields left out, further lines counted. */
export const NOTE_CHARACTERS = 200;
export const MESSAGE_CHARACTERS = 1_000;
export const FIELDS_BYTES = 2_048;
/** Lines of one attempt that are heard at all; they go to the structured log, and the last of them to the ledger. */
export const LINES_HEARD = 1_000;

/** What a handler speaks through. Nothing that it says can make it fail. */
export function voice(hear: (said: Said) => void): Pick<TaskContext, 'progress' | 'log'> {
  let lines = 0;
  return {
    progress(fraction, note) {
      const progress = progressOf(fraction, note);
      if (progress) hear({ progress, lines: [], leftOut: 0 });
    },
    log(level, message, fields) {
      lines += 1;
      if (lines > LINES_HEARD) hear({ progress: null, lines: [], leftOut: 1 });
      else hear({ progress: null, lines: [logEntry(level, message, fields)], leftOut: 0 });
    },
  };
}

/** Joins what was said one after the other. */
export function saidTogether(before: Said, after: Said): Said {
  return {
    progress: after.progress ?? before.progress,
    lines: after.lines.length === 0 ? before.lines : [...before.lines, ...after.lines],
    leftOut: before.leftOut + after.leftOut,
  };
}

export const NOTHING_SAID: Said = { progress: null, lines: [], leftOut: 0 };

/** @returns undefined for what is no number */
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
