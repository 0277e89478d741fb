import type { TaskArtifacts } from '../../../task-artifacts.ts';
import type { FlatRecord } from '../table/cell.ts';
import type { Format } from '../table/formats.ts';
import type { Rows } from '../table/rows.ts';
import { rowsOfCsv } from './csv-rows.ts';
import { delimiterOf, formatOf } from './file-format.ts';
import { fileTexts } from './file-texts.ts';
import { rowsOfJson, rowsOfRecords } from './record-rows.ts';
import { textsOf } from './texts.ts';

/** Where the rows of a table come from. */
export type TableSource = {
  readonly records?: readonly FlatRecord[] | undefined;
  readonly csv?: string | undefined;
  /** Id of a file. */
  readonly artifact?: string | undefined;
  readonly format?: Format | undefined;
  readonly delimiter?: string | undefined;
  readonly malformed?: 'refuse' | 'skip' | undefined;
};

/**
 * Returns the rows of a table; undefined when there is none.
 *
 * @throws PermanentError `artifact_not_found`, `format_unknown`; RetryError `artifacts_unavailable`
 */
export async function rowsOf(
  { records, csv, artifact, format, delimiter, malformed = 'refuse' }: TableSource,
  artifacts: Pick<TaskArtifacts, 'open'>,
): Promise<Rows | undefined> {
  if (records !== undefined) return rowsOfRecords(records);
  if (csv !== undefined) return rowsOfCsv(textsOf(csv), { delimiter: delimiter ?? ',', malformed });
  if (artifact === undefined) return undefined;
  const file = await artifacts.open(artifact);
  const fileFormat = format ?? formatOf(file);
  const texts = fileTexts(file);
  return fileFormat === 'csv'
    ? rowsOfCsv(texts, { delimiter: delimiter ?? delimiterOf(file), malformed })
    : rowsOfJson(texts, { format: fileFormat, malformed });
}
