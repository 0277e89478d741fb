import { PermanentError } from '../../../define-task.ts';

/** Decides about malformed rows: the first one ends the task, or all are counted and left out. */
export type RowFaults = {
  /** Call it for a row whose end is known. @throws PermanentError when malformed rows are refused */
  leaveOut(line: number, rule: string): void;
  /** Returns the error of a malformed row after which no further row can be found. */
  fatal(line: number, rule: string, cause?: unknown): PermanentError;
  readonly skipped: number;
  readonly first: { readonly line: number; readonly rule: string } | undefined;
};

/** @param what the format, as an error names it; its code is `<what>_invalid` in lower case */
export function rowFaults(what: 'CSV' | 'JSON', malformed: 'refuse' | 'skip'): RowFaults {
  let skipped = 0;
  let first: { line: number; rule: string } | undefined;
  const fatal = (line: number, rule: string, cause?: unknown) =>
    new PermanentError(`${what.toLowerCase()}_invalid`, `${what} line ${line}: ${rule}`, {
      cause,
      details: { line, rule },
    });
  return {
    leaveOut(line, rule) {
      if (malformed === 'refuse') throw fatal(line, rule);
      skipped += 1;
      first ??= { line, rule };
    },
    fatal,
    get skipped() {
      return skipped;
    },
    get first() {
      return first;
    },
  };
}
