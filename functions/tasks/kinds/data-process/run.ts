import { setImmediate as nextTurn } from 'node:timers/promises';
import { defineTask } from '../../define-task.ts';
import { MESSAGE } from './inline.ts';
import dataProcess from './kind.ts';
import { boundedResult, type DataProcessResult, type OutputFile } from './output/bounded-result.ts';
import { rowsOf } from './reading/rows-of.ts';
import { summarize, type TableSummary } from './summarize.ts';
import { surveyOf } from './survey.ts';

/** The share of the progress at which the first reading ends. */
const SURVEYED = 0.4;
/** The share at which the second reading ends. */
const READ = 0.99;

export default defineTask({
  ...dataProcess,
  async run(payload, { signal, progress, artifacts }): Promise<DataProcessResult> {
    signal.throwIfAborted();
    const rows = await rowsOf(payload, artifacts);
    if (rows === undefined) return { message: MESSAGE };
    /** Yields to the event loop, so that timers and messages get their turn. */
    const reporting = (from: number, to: number, note: string) => async (share: number) => {
      progress(from + (to - from) * Math.min(1, share), note);
      await nextTurn();
      signal.throwIfAborted();
    };
    const { where = [], columns, group_by: groupBy, output } = payload;
    const survey = await surveyOf(rows, where, reporting(0, SURVEYED, 'finding the types of columns'));
    const summary = await summarize(
      rows,
      { survey, wanted: { where, columns, groupBy, output }, artifacts },
      reporting(SURVEYED, READ, `${survey.records} records`),
    );
    progress(1);
    const { skipped, firstSkipped } = survey.read;
    return boundedResult({
      message: MESSAGE,
      records: survey.records,
      columns: summary.columns,
      grouping: groupBy && summary.groups && { groupBy, groups: summary.groups },
      ...(firstSkipped && { skipped: { rows: skipped, first: firstSkipped } }),
      ...(summary.output && { output: outputOf(summary.output) }),
    });
  },
});

function outputOf({ artifact, rows }: NonNullable<TableSummary['output']>): OutputFile {
  const { id, name, mediaType, bytes, sha256 } = artifact;
  return { artifact: id, name, media_type: mediaType, bytes, sha256, rows };
}
