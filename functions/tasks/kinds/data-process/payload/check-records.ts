import type * as z from 'zod';
import { MAX_COLUMNS } from '../table/bounds.ts';
import { brokenRule, isRecord } from '../table/record-rules.ts';

/** The check stops after this many bad cells, because the caller has seen enough. */
const MAX_ISSUES = 20;

/** Refuses records that are not a table: rows that are not objects, nested cells, too many or unusable column names. */
export function checkRecords(records: readonly unknown[], issues: z.RefinementCtx): void {
  const columns = new Set<string>();
  let found = 0;
  const refuse = (path: PropertyKey[], message: string) => {
    found += 1;
    issues.addIssue({ code: 'custom', path, message });
  };
  for (const [row, record] of records.entries()) {
    if (found >= MAX_ISSUES) return;
    if (!isRecord(record)) {
      refuse([row], 'Must be an object');
      continue;
    }
    for (const [column, cell] of Object.entries(record)) {
      const rule = brokenRule(column, cell);
      if (rule !== undefined) refuse([row, column], rule);
      if (found >= MAX_ISSUES) return;
      columns.add(column);
    }
    if (columns.size > MAX_COLUMNS) {
      refuse([row], `More than ${MAX_COLUMNS} columns`);
      return;
    }
  }
}
