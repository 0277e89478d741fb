import { LOG_LEVELS } from './define-task.ts';
import type { LogLine, Progress, Said } from './said.ts';

/** What the ledger keeps of an attempt's log: this many lines, and this many bytes of them as JSON. */
const LINES_KEPT = 100;
const BYTES_KEPT = 16 * 1024;

/** What is kept of all that an attempt has told. */
export type Kept = { progress: Progress | null; logs: readonly LogLine[] };

export type Journal = {
  hear: (said: Said) => void;
  /** What is kept so far. */
  kept: () => Kept;
};

/**
 * Keeps the last progress of an attempt, and of its log what fits. Room is made by leaving out the least important
 * lines, of these the oldest; the first line then says how many are gone.
 */
export function journal(): Journal {
  let progress: Progress | null = null;
  let lines: { line: LogLine; bytes: number }[] = [];
  let bytes = 0;
  let leftOut = 0;

  const makeRoom = (): void => {
    while (lines.length > LINES_KEPT || bytes > BYTES_KEPT) {
      const level = LOG_LEVELS.find((each) => lines.some(({ line }) => line.level === each));
      const index = lines.findIndex(({ line }) => line.level === level);
      bytes -= lines[index]?.bytes ?? 0;
      lines = lines.toSpliced(index, 1);
      leftOut += 1;
    }
  };

  return {
    hear(said) {
      progress = said.progress ?? progress;
      leftOut += said.leftOut;
      for (const line of said.lines) {
        const size = Buffer.byteLength(JSON.stringify(line));
        lines.push({ line, bytes: size });
        bytes += size;
        makeRoom();
      }
    },
    kept() {
      const logs = lines.map(({ line }) => line);
      const [first] = logs;
      if (leftOut === 0) return { progress, logs };
      const mark: LogLine = {
        at: first?.at ?? new Date().toISOString(),
        level: 'debug',
        message: `${leftOut} lines are left out`,
        fields: { left_out: leftOut },
      };
      return { progress, logs: [mark, ...logs] };
    },
  };
}
