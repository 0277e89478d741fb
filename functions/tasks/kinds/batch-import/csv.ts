import { pipeline } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { exactFault } from '../../../exact-json/exact-fault.ts';
import { JsonText } from '../../../exact-json/json-text.ts';
import { digitsFault } from '../../../exact-json/number-rules.ts';
import { jsonFault } from '../../../json-fault.ts';
import { pointerTo } from '../../../refusal.ts';
import { PermanentError } from '../../define-task.ts';
import { isObject } from './is-object.ts';
import { MAX_LINE_BYTES } from './ndjson.ts';
import type { ImportLine } from './ports.ts';

type Cell = (text: string) => unknown;

const text: Cell = (cell) => cell;
const number: Cell = (cell) =>
  /^-?\d+(?:\.\d+)?$/.test(cell.trim()) && digitsFault(cell.trim()) === undefined ? Number(cell) : cell;
const json: Cell = (cell) => JSON.parse(cell);

/** The columns that a file may have, by name. `payload.<field>` (text) and `payload.<field>:json` are allowed too. */
const COLUMNS: Readonly<Record<string, Cell>> = {
  name: text,
  description: text,
  scheduled_time: text,
  kind: text,
  payload: json,
  max_retries: number,
  retry: json,
  limits: json,
  depends_on: json,
  on_failure: text,
  unique_key: text,
  concurrency_key: text,
  concurrency_limit: number,
};

type Column = { path: readonly [field: string] | readonly ['payload', member: string]; read: Cell };

/**
 * Reads the rows of CSV (RFC 4180) whose first row names the fields. `line` is the line on which a row ends, as an editor counts:
 * LF, CR LF and CR each end one line, also inside quotes. Empty cells are absent fields.
 *
 * @throws PermanentError `csv_invalid` when the header names an unknown field or names one twice, or when the content is not CSV
 *   in UTF-8. A row that is not CSV, or is too long, also ends an import with `partial`: the beginning of the next row is unknown
 *   then
 */
export async function* csvLines(content: AsyncIterable<Uint8Array>): AsyncGenerator<ImportLine> {
  let [line, emptyLines] = [0, 0];
  const begins = (info: { empty_lines: number }) => line + info.empty_lines - emptyLines + 1;
  const rows = parse({
    bom: true,
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: MAX_LINE_BYTES,
    record_delimiter: ['\r\n', '\n', '\r'],
    // Number the rows here, because an error overtakes earlier rows that are not read yet.
    on_record(cells: string[], info) {
      line = begins(info) + lineEnds(cells);
      emptyLines = info.empty_lines;
      return Object.assign(cells, { line });
    },
  });
  // An error of `content` or `utf8` ends `rows`, and the loop below throws it. `pipe` would throw it where no code can catch it.
  pipeline(utf8(content), rows, () => {});
  let columns: readonly Column[] | undefined;
  try {
    for await (const row of rows as AsyncIterable<string[] & { line: number }>) {
      if (columns === undefined) columns = columnsOf(row);
      else yield readRow(columns, row, row.line);
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const { empty_lines = emptyLines } = error as { empty_lines?: number };
    throw broken(
      `${FAULTS[error.code] ?? error.message.slice(0, 300)} (in the row that begins on line ${begins({ empty_lines })})`,
      error,
    );
  }
  if (columns === undefined) throw broken('the first row must name the fields');
}

/** Messages for the parser's error codes. The parser's own messages count lines in another way than editors do. */
const FAULTS: Partial<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: 'a quote is not closed',
  CSV_MAX_RECORD_SIZE: `a row must have at most ${MAX_LINE_BYTES} bytes`,
  CSV_INVALID_CLOSING_QUOTE: 'after a closing quote, a delimiter or the end of the row must follow',
  INVALID_OPENING_QUOTE: 'a quote in a field must be doubled, and the field quoted',
};

/** Line ends inside the cells of a row. */
const lineEnds = (cells: readonly string[]) =>
  cells.reduce((count, cell) => count + (cell.match(/\r\n|\r|\n/g)?.length ?? 0), 0);

/** Passes the bytes on and checks that they are UTF-8. The parser accepts any bytes, and would garble names in Latin-1. */
async function* utf8(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const check = (piece?: Uint8Array) => {
    try {
      decoder.decode(piece, { stream: piece !== undefined });
    } catch (cause) {
      throw broken('must be UTF-8', cause as Error);
    }
  };
  for await (const piece of content) {
    check(piece);
    yield piece;
  }
  check();
}

function columnsOf(names: readonly string[]): Column[] {
  const seen = new Set<string>();
  return names.map((name) => {
    const column = columnOf(name);
    const pointer = pointerTo(column.path);
    if (seen.has(pointer)) throw broken(`${quoted(name)} stands twice in the first row`);
    seen.add(pointer);
    return column;
  });
}

function columnOf(name: string): Column {
  const read = Object.hasOwn(COLUMNS, name) ? COLUMNS[name] : undefined;
  if (read) return { path: [name], read };
  const [, field, kind] = /^payload\.([^:]+)(:json)?$/.exec(name) ?? [];
  if (field === undefined || field === '__proto__')
    throw broken(`${quoted(name)} in the first row is no field`);
  return { path: ['payload', field], read: kind ? json : text };
}

function readRow(columns: readonly Column[], cells: readonly string[], line: number): ImportLine {
  if (cells.length !== columns.length)
    return { line, fault: `Must have ${columns.length} fields, as the first row, not ${cells.length}` };
  const item: Record<string, unknown> = {};
  const members: Record<string, unknown> = {};
  const written = new Map<string, JsonText>();
  let payloadCell: JsonText | undefined;
  for (const [index, { path, read }] of columns.entries()) {
    const cell = cells[index] ?? '';
    if (cell === '') continue;
    const [field, member] = path;
    let value: unknown;
    try {
      value = read(cell);
    } catch {
      return { line, pointer: pointerTo(path), fault: 'Must be JSON' };
    }
    const fault = jsonFault(value) ?? (read === json ? exactFault(cell, field === 'payload') : undefined);
    if (fault) return { line, pointer: pointerTo(path) + fault.pointer, fault: fault.detail };
    const cellText = read === json ? new JsonText(cell.trim()) : JsonText.of(value);
    if (member === undefined) {
      item[field] = value;
      if (field === 'payload') payloadCell = cellText;
    } else {
      members[member] = value;
      written.set(member, cellText);
    }
  }
  if (written.size === 0) return { line, item, payload: payloadCell };
  const { payload = {} } = item;
  if (!isObject(payload)) return { line, pointer: '/payload', fault: 'Must be an object' };
  return {
    line,
    item: { ...item, payload: { ...payload, ...members } },
    payload: JsonText.object(new Map([...(payloadCell?.members() ?? []), ...written])),
  };
}

const quoted = (name: string) => JSON.stringify(name.slice(0, 100));

function broken(rule: string, cause?: Error): PermanentError {
  return new PermanentError('csv_invalid', `CSV: ${rule}`, { cause });
}
