import { LOG_LEVELS } from '../define-task.ts';
import type { HandlerOutput } from '../handler-output.ts';
import type { LogEntry, Progress } from '../task.ts';

/** Lines of an attempt's log that are kept, and their bytes as JSON. */
const LINES_KEPT = 100;
const BYTES_KEPT = 16 * 1024;

/** The progress and the log of an attempt. A member is absent when the handler has not used it. */
export type LoggedAttempt = { progress?: Progress; logs?: readonly LogEntry[] };

export type AttemptLog = {
  add: (output: HandlerOutput) => void;
  all: () => LoggedAttempt;
  /** The members that have changed since the last call. */
  changes: () => LoggedAttempt;
};

/**
 * Keeps the last progress of an attempt, and its log within the limits. To make room, it drops the least important lines, and
 * among these the oldest. The first line then tells how many were dropped.
 */
export function attemptLog(): AttemptLog {
  const lines: { entry: LogEntry; bytes: number }[] = [];
  let progress: Progress | undefined;
  let bytes = 0;
  let leftOut = 0;
  let isNew = { progress: false, logs: false };

  const makeRoom = (): void => {
    while (lines.length > LINES_KEPT || bytes > BYTES_KEPT) {
      const level = LOG_LEVELS.find((each) => lines.some(({ entry }) => entry.level === each));
      const [gone] = lines.splice(
        lines.findIndex(({ entry }) => entry.level === level),
        1,
      );
      bytes -= gone?.bytes ?? 0;
      leftOut += 1;
    }
  };
  const logs = (): LogEntry[] => {
    const entries = lines.map(({ entry }) => entry);
    if (leftOut === 0) return entries;
    const at = entries[0]?.at ?? new Date().toISOString();
    const message = `${leftOut} lines are left out`;
    return [{ at, level: 'debug', message, fields: { left_out: leftOut } }, ...entries];
  };

  return {
    add(output) {
      if (output.progress) {
        progress = output.progress;
        isNew.progress = true;
      }
      if (output.lines.length > 0 || output.leftOut > 0) isNew.logs = true;
      leftOut += output.leftOut;
      for (const entry of output.lines) {
        const size = Buffer.byteLength(JSON.stringify(entry));
        lines.push({ entry, bytes: size });
        bytes += size;
        makeRoom();
      }
    },
    all: () => ({
      ...(progress && { progress }),
      ...((lines.length > 0 || leftOut > 0) && { logs: logs() }),
    }),
    changes() {
      const news = {
        ...(isNew.progress && progress && { progress }),
        ...(isNew.logs && { logs: logs() }),
      };
      isNew = { progress: false, logs: false };
      return news;
    },
  };
}
