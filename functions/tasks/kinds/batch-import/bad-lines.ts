import type { Json } from '../../define-task.ts';
import { LINES } from './import-ids.ts';
import type { LineError } from './line-errors.ts';

type BadLine = { line: number; errors: readonly LineError[] };

/** Bad lines that are listed in the result, and in the error, which every frame of the task carries. */
const SPELLED = { result: 1_000, error: 100 } as const;

/** Errors that are listed for one line. */
const ERRORS = 3;

/** Bytes of the report. Further lines are only counted. */
const MAX_REPORT_BYTES = 33_554_432;

/** Collects the errors of lines: all of them for the report, the first of them for the task's result or error. */
export function badLines() {
  const first: BadLine[] = [];
  const report: string[] = [];
  /** One bit for each possible line. */
  const known = new Uint8Array(LINES / 8);
  let bytes = 0;
  let left = 0;
  let count = 0;
  return {
    add(line: number, errors: BadLine['errors']): void {
      count += 1;
      known[line >> 3] = (known[line >> 3] ?? 0) | (1 << (line & 7));
      const bad = {
        line,
        errors: errors.slice(0, ERRORS).map(({ pointer, detail }) => ({
          pointer: pointer.slice(0, 200),
          detail: detail.slice(0, 200).toWellFormed(),
        })),
        ...(errors.length > ERRORS && { more_errors: errors.length - ERRORS }),
      };
      if (first.length < SPELLED.result) first.push(bad);
      const text = JSON.stringify(bad);
      if (bytes + text.length > MAX_REPORT_BYTES) left += 1;
      else report.push(text);
      bytes += text.length;
    },
    count: () => count,
    has: (line: number) => ((known[line >> 3] ?? 0) & (1 << (line & 7))) !== 0,
    /** Returns the first bad lines, for the result of an import or for the error of a refused import. */
    spelled: (where: keyof typeof SPELLED): Json => first.slice(0, SPELLED[where]) as unknown as Json,
    /** Returns the report: one line of JSON for each bad line. */
    report: () => [...report, ...(left > 0 ? [JSON.stringify({ more_lines: left })] : []), ''].join('\n'),
  };
}

export type BadLines = ReturnType<typeof badLines>;
