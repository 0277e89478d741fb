import { Readable } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { PermanentError } from '../../define-task.ts';
import { textFault } from '../json-fault.ts';
import { MAX_LINE_BYTES } from './ndjson.ts';
import type { ImportLine } from './ports.ts';

type Cell = (text: string) => unknown;

const text: Cell = (cell) => cell;
const number: Cell = (cell) => (/^-?\d+(?:\.\d+)?$/.test(cell.trim()) ? Number(cell) : cell);
const json: Cell = (cell) => JSON.parse(cell);

/** The columns that a file may have, by name, besides `payload.<field>` (text) and `payload.<field>:json`. */
const COLUMNS: Readonly<Record<string, Cell>> = {
  name: text,
  description: text,
  scheduled_time: text,
  kind: text,
  payload: json,
  max_retries: number,
  retry: json,
  limits: json,
  unique_key: text,
  concurrency_key: text,
  concurrency_limit: number,
};

type Column = { path: readonly string[]; read: Cell };

/**
 * The rows of CSV (RFC 4180) whose first row names the fields; `line` is the line on which a row ends. Empty cells are
 * fields that are not there.
 *
 * @throws PermanentError `csv_invalid` when the header names what is no field, or the text is no CSV
 */
export async function* csvLines(content: AsyncIterable<Uint8Array>): AsyncGenerator<ImportLine> {
  const rows = Readable.from(content, { objectMode: false }).pipe(
    parse({
      bom: true,
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
      max_record_size: MAX_LINE_BYTES,
      record_delimiter: ['\r\n', '\n', '\r'],
    }),
  );
  let columns: readonly Column[] | undefined;
  try {
    for await (const { record, info } of rows as AsyncIterable<{
      record: string[];
      info: { lines: number };
    }>) {
      if (columns === undefined) columns = record.map(columnOf);
      else yield readRow(columns, record, info.lines);
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw broken(`line ${error.lines}: ${error.message.slice(0, 300)}`, error);
  }
  if (columns === undefined) throw broken('the first row must name the fields');
}

function columnOf(name: string): Column {
  const read = Object.hasOwn(COLUMNS, name) ? COLUMNS[name] : undefined;
  if (read) return { path: [name], read };
  const [, field, kind] = /^payload\.([^:]+)(:json)?$/.exec(name) ?? [];
  if (field === undefined || field === '__proto__')
    throw broken(`${JSON.stringify(name.slice(0, 100))} in the first row is no field`);
  return { path: ['payload', field], read: kind ? json : text };
}

function readRow(columns: readonly Column[], cells: readonly string[], line: number): ImportLine {
  if (cells.length !== columns.length)
    return { line, fault: `Must have ${columns.length} fields, as the first row, not ${cells.length}` };
  const item: Record<string, unknown> = {};
  for (const [index, { path, read }] of columns.entries()) {
    const cell = cells[index] ?? '';
    if (cell === '') continue;
    const fault = textFault(cell);
    if (fault !== undefined) return { line, fault };
    const [field = '', member] = path;
    try {
      if (member === undefined) item[field] = read(cell);
      else item[field] = { ...(item[field] as object), [member]: read(cell) };
    } catch {
      return { line, fault: `${path.join('.')}: Must be JSON` };
    }
  }
  return { line, item };
}

function broken(rule: string, cause?: Error): PermanentError {
  return new PermanentError('csv_invalid', `CSV: ${rule}`, { cause });
}
