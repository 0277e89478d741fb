import { MAX_ROW_BYTES } from '../../../result.ts';
import type { ColumnSummary } from '../statistics/column-statistics.ts';
import type { Group } from '../statistics/groups.ts';

export type DataProcessResult = {
  readonly message: string;
  readonly records?: number;
  /** A list, because JSON objects have no order, and because some names have a special meaning in objects. */
  readonly columns?: readonly ColumnSummary[];
  readonly group_by?: readonly string[];
  readonly groups?: readonly Group[];
  /** Malformed rows that were left out, and the first of them. Absent when there are none. */
  readonly skipped?: {
    readonly rows: number;
    readonly first: { readonly line: number; readonly rule: string };
  };
  /** The artifact that was written. */
  readonly output?: OutputFile;
  /** Parts that were left out to respect the bound on a result's size. Absent when everything is there. */
  readonly left_out?: { most_frequent?: boolean; columns?: number; groups?: number };
};

export type OutputFile = {
  readonly artifact: string;
  readonly name: string;
  readonly media_type: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Rows or records of the file, without a header. */
  readonly rows: number;
};

export interface Summary extends Pick<DataProcessResult, 'skipped' | 'output'> {
  readonly message: string;
  readonly records: number;
  readonly columns: readonly ColumnSummary[];
  readonly grouping?: { readonly groupBy: readonly string[]; readonly groups: readonly Group[] } | undefined;
}

/** Bytes for columns. Most of a result is for groups, but a summary always has some columns. */
const COLUMNS_BYTES = 160 * 1024;
/** Bytes for everything that is neither column nor group. */
const FRAME_BYTES = 4 * 1024;

/** Fits a summary into the size of a result. It drops the most frequent values first, then columns and groups from the end. */
export function boundedResult({
  message,
  records,
  columns,
  grouping,
  skipped,
  output,
}: Summary): DataProcessResult {
  const frequent = takeWithin(columns, COLUMNS_BYTES);
  const plain = frequent.left === 0 ? undefined : takeWithin(columns.map(withoutFrequencies), COLUMNS_BYTES);
  const shownColumns = plain ?? frequent;
  const shownGroups = takeWithin(grouping?.groups ?? [], MAX_ROW_BYTES - FRAME_BYTES - shownColumns.bytes);
  const leftOut = {
    ...(plain !== undefined && { most_frequent: true }),
    ...(shownColumns.left > 0 && { columns: shownColumns.left }),
    ...(shownGroups.left > 0 && { groups: shownGroups.left }),
  };
  return {
    message,
    records,
    columns: shownColumns.taken,
    ...(grouping !== undefined && { group_by: grouping.groupBy, groups: shownGroups.taken }),
    ...(skipped && { skipped }),
    ...(output && { output }),
    ...(Object.keys(leftOut).length > 0 && { left_out: leftOut }),
  };
}

function withoutFrequencies({ most_frequent: _, ...rest }: ColumnSummary): ColumnSummary {
  return rest;
}

/** Returns the longest beginning of a list that takes at most `bytes` as JSON. */
function takeWithin<Item>(
  items: readonly Item[],
  bytes: number,
): { taken: Item[]; left: number; bytes: number } {
  const taken: Item[] = [];
  let used = 2;
  for (const item of items) {
    const size = Buffer.byteLength(JSON.stringify(item)) + 1;
    if (used + size > bytes) break;
    used += size;
    taken.push(item);
  }
  return { taken, left: items.length - taken.length, bytes: used };
}
