import { setImmediate as nextTurn } from 'node:timers/promises';
import { defineTask } from '../../define-task.ts';
import { boundedResult, type DataProcessResult } from './bounded-result.ts';
import { MESSAGE } from './inline.ts';
import dataProcess, { type DataProcessPayload } from './kind.ts';
import { parseCsv } from './parse-csv.ts';
import { type ColumnSummary, summarizeColumn } from './summarize-column.ts';
import { summarizeGroups } from './summarize-groups.ts';
import { cellsOf, type Table, tableOfRecords } from './table.ts';

/** Steps of the work, as shares of the progress. */
const PARSED = 0.1;
const SUMMARIZED = 0.8;

export default defineTask({
  ...dataProcess,
  async run(payload, { signal, progress }): Promise<DataProcessResult> {
    signal.throwIfAborted();
    const table = tableOf(payload);
    if (table === undefined) return { message: MESSAGE };
    progress(PARSED, `${table.records} records`);

    /** Yields to the event loop, so that timers and messages get their turn. */
    const checkpoint = async () => {
      await nextTurn();
      signal.throwIfAborted();
    };
    const names = payload.columns ?? [...table.columns.keys()];
    const columns: ColumnSummary[] = [];
    for (const name of names) {
      await checkpoint();
      columns.push(summarizeColumn(name, cellsOf(table, name), table.typed));
      progress(PARSED + (SUMMARIZED - PARSED) * (columns.length / names.length), name);
    }
    const groupBy = payload.group_by;
    const groups = groupBy && (await summarizeGroups(table, { groupBy, names }, checkpoint));
    progress(1);
    return boundedResult({
      message: MESSAGE,
      records: table.records,
      columns,
      grouping: groupBy && groups && { groupBy, groups },
    });
  },
});

function tableOf({ csv, delimiter = ',', records }: DataProcessPayload): Table | undefined {
  if (csv !== undefined) return parseCsv(csv, delimiter);
  return records === undefined ? undefined : tableOfRecords(records);
}
