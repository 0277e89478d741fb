import { MAX_COLUMNS } from '../table/bounds.ts';
import type { Cell, FlatRecord } from '../table/cell.ts';
import { brokenRule, isRecord } from '../table/record-rules.ts';
import type { Rows, TakeRow } from '../table/rows.ts';
import { arrayScanner, lineScanner } from './json-scanner.ts';
import { rowFaults } from './row-faults.ts';
import { scanTexts, type Texts } from './texts.ts';

const RECORDS_PER_SLICE = 1_000;

/** Returns the rows of records that were checked before. */
export function rowsOfRecords(records: readonly FlatRecord[]): Rows {
  const shape = recordShape();
  return {
    typed: true,
    columns: shape.columns,
    async read(take, pause) {
      for (const [index, record] of records.entries()) {
        if (index % RECORDS_PER_SLICE === 0) await pause(index / records.length);
        take(shape.cellsOf(Object.entries(record)));
      }
      return { rows: records.length, bytes: 0, skipped: 0 };
    },
  };
}

/** Returns the rows of a text of records: NDJSON, or a JSON array. */
export function rowsOfJson(
  texts: Texts,
  { format, malformed }: { format: 'ndjson' | 'json'; malformed: 'refuse' | 'skip' },
): Rows {
  const shape = recordShape();
  return {
    typed: true,
    columns: shape.columns,
    async read(take, pause) {
      const faults = rowFaults('JSON', malformed);
      let rows = 0;
      const takeValue = (text: string, line: number): void => {
        const record = recordIn(text, shape.columns, (rule) => faults.leaveOut(line, rule));
        if (!record) return;
        rows += 1;
        take(shape.cellsOf(record));
      };
      const scanner = (format === 'json' ? arrayScanner : lineScanner)({ takeValue, broken: faults.fatal });
      const bytes = await scanTexts(texts, scanner, pause);
      return { rows, bytes, skipped: faults.skipped, firstSkipped: faults.first };
    },
  };
}

/** Returns the members of a record; undefined after `leaveOut` was called with the rule that it breaks. */
function recordIn(
  text: string,
  columns: readonly string[],
  leaveOut: (rule: string) => void,
): [string, Cell][] | undefined {
  let record: unknown;
  try {
    record = JSON.parse(text);
  } catch {
    leaveOut('a record is JSON');
    return undefined;
  }
  if (!isRecord(record)) {
    leaveOut('a record is an object');
    return undefined;
  }
  const members = Object.entries(record);
  let added = 0;
  for (const [column, cell] of members) {
    const rule = brokenRule(column, cell);
    if (rule !== undefined) {
      leaveOut(`${JSON.stringify(column.slice(0, 100))}: ${rule}`);
      return undefined;
    }
    if (members.length > MAX_COLUMNS - columns.length && !columns.includes(column)) added += 1;
  }
  if (columns.length + added > MAX_COLUMNS) {
    leaveOut(`there are at most ${MAX_COLUMNS} columns`);
    return undefined;
  }
  return members;
}

/** Columns in the order of their first appearance, and the cells of records in the order of the columns. */
function recordShape() {
  const columns: string[] = [];
  // A map, so that any name is safe.
  const indexes = new Map<string, number>();
  const cells: (Cell | undefined)[] = [];
  return {
    columns,
    cellsOf(members: readonly (readonly [string, Cell])[]): Parameters<TakeRow>[0] {
      cells.fill(undefined);
      for (const [column, cell] of members) {
        let index = indexes.get(column);
        if (index === undefined) {
          index = columns.push(column) - 1;
          indexes.set(column, index);
        }
        cells[index] = cell;
      }
      return cells;
    },
  };
}
