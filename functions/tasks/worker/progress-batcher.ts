import type { Said } from '../handler-output.ts';
import type { Report } from '../store/index.ts';
import { type Journal, journal, type Kept } from './attempt-log.ts';

/** Between two statements, and so between two frames of one task. */
const PAUSE_MILLISECONDS = 250;

type Attempt = { id: string; attempt: number };

/** Takes note of what one attempt tells. */
export type Reporting = {
  hear: (said: Said) => void;
  /** Ends the reports of the attempt. @returns all that is kept, to be settled with it */
  end: () => Kept;
};

/**
 * Gathers what the running attempts of an invocation tell and writes it, for all that have something new in one
 * statement, at most four times a second. What an attempt tells in its last quarter of a second goes with its outcome:
 * short ones cost no statement.
 *
 * @param write rejections are the database's absence: what is lost by it comes with the next report, or the outcome
 */
export function reporter(write: (reports: readonly Report[]) => Promise<void>) {
  const changed = new Map<Attempt, Journal>();
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> | undefined;

  const flush = async (): Promise<void> => {
    const reports = [...changed].map(([{ id, attempt }, told]) => ({ id, attempt, ...told.news() }));
    changed.clear();
    if (reports.length > 0) await write(reports).catch(() => {});
  };
  const arrange = (): void => {
    if (timer || writing) return;
    timer = setTimeout(() => {
      timer = undefined;
      writing = flush().finally(() => {
        writing = undefined;
        if (changed.size > 0) arrange();
      });
    }, PAUSE_MILLISECONDS);
  };

  return {
    follow(attempt: Attempt): Reporting {
      const told = journal();
      let ended = false;
      return {
        hear(what) {
          if (ended) return;
          told.hear(what);
          changed.set(attempt, told);
          arrange();
        },
        end() {
          ended = true;
          changed.delete(attempt);
          return told.kept();
        },
      };
    },
    /** Resolves when nothing is being written any more. */
    async stop(): Promise<void> {
      clearTimeout(timer);
      timer = undefined;
      await writing;
    },
  };
}
