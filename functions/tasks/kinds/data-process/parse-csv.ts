import { CsvError, parse } from 'csv-parse/sync';
import { PermanentError } from '../../define-task.ts';
import { MAX_COLUMN_NAME, MAX_COLUMNS } from './bounds.ts';
import type { Table } from './table.ts';

/** The rules of the format, by the parser's error code. */
const RULES: Readonly<Record<string, string>> = {
  CSV_RECORD_INCONSISTENT_FIELDS_LENGTH: 'a row has as many fields as the header',
  CSV_QUOTE_NOT_CLOSED: 'a quoted field ends with a quote',
  CSV_INVALID_CLOSING_QUOTE: 'after the closing quote comes a delimiter or the end of the line',
  INVALID_OPENING_QUOTE: 'a quote stands at the beginning of a field, or is doubled inside a quoted one',
};

/**
 * Reads CSV (RFC 4180; a byte order mark, empty lines and any line ending are accepted) whose first row is the header.
 *
 * @throws PermanentError `csv_invalid`, with the line (from 1) and the rule
 */
export function parseCsv(text: string, delimiter: string): Table {
  const [header = [], ...rows] = rowsOf(text, delimiter);
  checkHeader(header);
  const columns = new Map(header.map((name, index) => [name, rows.map((row) => row[index] ?? null)]));
  return { records: rows.length, typed: false, columns };
}

function rowsOf(text: string, delimiter: string): string[][] {
  try {
    return parse(text, {
      bom: true,
      delimiter,
      record_delimiter: ['\r\n', '\n', '\r'],
      skip_empty_lines: true,
    });
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    // For a quote that is never closed, the parser gives the line where the text ends. The reader needs the line where the quote
    // began.
    const line = error.code === 'CSV_QUOTE_NOT_CLOSED' ? lineOfOpenQuote(text) : Number(error.lines);
    throw broken(line, RULES[error.code] ?? error.message, error);
  }
}

function checkHeader(header: readonly string[]): void {
  if (header.length === 0) throw broken(1, 'the first row names the columns');
  if (header.length > MAX_COLUMNS) throw broken(1, `there are at most ${MAX_COLUMNS} columns`);
  const seen = new Set<string>();
  for (const [index, name] of header.entries()) {
    if (name.trim() === '') throw broken(1, `every column has a name, but column ${index + 1} has none`);
    if (name.length > MAX_COLUMN_NAME) {
      throw broken(
        1,
        `a column's name has at most ${MAX_COLUMN_NAME} characters, unlike that of column ${index + 1}`,
      );
    }
    if (seen.has(name))
      throw broken(1, `every column has its own name, but ${JSON.stringify(name)} stands there twice`);
    seen.add(name);
  }
}

/** Finds the line of the open quote. Everything before it was parsed, so quotes only open, are doubled, and close in turn. */
function lineOfOpenQuote(text: string): number {
  let opened = -1;
  for (let at = text.indexOf('"'); at !== -1; at = text.indexOf('"', at + 1)) {
    if (opened === -1) opened = at;
    else if (text[at + 1] === '"') at += 1;
    else opened = -1;
  }
  return text.slice(0, opened).split(/\r\n|\n|\r/).length;
}

function broken(line: number, rule: string, cause?: Error): PermanentError {
  return new PermanentError('csv_invalid', `CSV line ${line}: ${rule}`, { cause, details: { line, rule } });
}
