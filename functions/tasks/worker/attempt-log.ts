import { LOG_LEVELS } from '../define-task.ts';
import type { Said } from '../handler-output.ts';
import type { LogEntry, Progress } from '../task.ts';

/** What the ledger keeps of an attempt's log: this many lines, and this many bytes of them as JSON. */
const LINES_KEPT = 100;
const BYTES_KEPT = 16 * 1024;

/** What is kept of all that an attempt has told; without what it has told nothing of. */
export type Kept = { progress?: Progress; logs?: readonly LogEntry[] };

export type Journal = {
  hear: (said: Said) => void;
  kept: () => Kept;
  /** The same, without what has not changed since this was last asked. */
  news: () => Kept;
};

/**
 * Keeps the last progress of an attempt, and of its log what fits. Room is made by leaving out the least important
 * lines, of these the oldest; the first line then says how many are gone.
 */
export function journal(): Journal {
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
    hear(said) {
      if (said.progress) {
        progress = said.progress;
        isNew.progress = true;
      }
      if (said.lines.length > 0 || said.leftOut > 0) isNew.logs = true;
      leftOut += said.leftOut;
      for (const entry of said.lines) {
        const size = Buffer.byteLength(JSON.stringify(entry));
        lines.push({ entry, bytes: size });
        bytes += size;
        makeRoom();
      }
    },
    kept: () => ({
      ...(progress && { progress }),
      ...((lines.length > 0 || leftOut > 0) && { logs: logs() }),
    }),
    news() {
      const news = {
        ...(isNew.progress && progress && { progress }),
        ...(isNew.logs && { logs: logs() }),
      };
      isNew = { progress: false, logs: false };
      return news;
    },
  };
}
