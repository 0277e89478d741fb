import type { HandlerOutput } from '../handler-output.ts';
import type { Report } from '../store/index.ts';
import { type AttemptLog, attemptLog, type LoggedAttempt } from './attempt-log.ts';

/** Milliseconds between two statements, and so between two frames of one task. */
const PAUSE_MILLISECONDS = 250;

type Attempt = { id: string; attempt: number };

/** Collects the output of one attempt. */
export type AttemptProgress = {
  add: (output: HandlerOutput) => void;
  /** Ends the reports of the attempt. @returns everything that is kept, to be settled with the attempt */
  end: () => LoggedAttempt;
};

/**
 * Writes progress and logs of the running attempts of an invocation: in one statement for all attempts with changes, at most four
 * times a second. Output of the last quarter of a second is written with the outcome, so short attempts cost no statement.
 *
 * @param write may reject when the database is unreachable. The next report, or the outcome, then contains what was lost
 */
export function progressBatcher(write: (reports: readonly Report[]) => Promise<void>) {
  const changed = new Map<Attempt, AttemptLog>();
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> | undefined;

  const flush = async (): Promise<void> => {
    const reports = [...changed].map(([{ id, attempt }, output]) => ({ id, attempt, ...output.changes() }));
    changed.clear();
    if (reports.length > 0) await write(reports).catch(() => {});
  };
  const schedule = (): void => {
    if (timer || writing) return;
    timer = setTimeout(() => {
      timer = undefined;
      writing = flush().finally(() => {
        writing = undefined;
        if (changed.size > 0) schedule();
      });
    }, PAUSE_MILLISECONDS);
  };

  return {
    start(attempt: Attempt): AttemptProgress {
      const log = attemptLog();
      let ended = false;
      return {
        add(output) {
          if (ended) return;
          log.add(output);
          changed.set(attempt, log);
          schedule();
        },
        end() {
          ended = true;
          changed.delete(attempt);
          return log.all();
        },
      };
    },
    /** Resolves when no statement is under way any more. */
    async stop(): Promise<void> {
      clearTimeout(timer);
      timer = undefined;
      await writing;
    },
  };
}
