import { MAX_COLUMN_NAME, MAX_COLUMNS } from '../table/bounds.ts';
import type { Rows } from '../table/rows.ts';
import { CsvScanner } from './csv-scanner.ts';
import { rowFaults } from './row-faults.ts';
import { scanTexts, type Texts } from './texts.ts';

/**
 * Returns the rows of CSV (RFC 4180; empty lines and any line ending are accepted) whose first row is the header.
 *
 * `read` throws PermanentError `csv_invalid`, with the line on which a row begins (from 1) and the rule.
 */
export function rowsOfCsv(
  texts: Texts,
  { delimiter, malformed }: { delimiter: string; malformed: 'refuse' | 'skip' },
): Rows {
  const columns: string[] = [];
  return {
    typed: false,
    columns,
    async read(take, pause) {
      const faults = rowFaults('CSV', malformed);
      let header: readonly string[] | undefined;
      let rows = 0;
      const scanner = new CsvScanner({
        delimiter,
        broken: faults.fatal,
        takeRow(fields, line) {
          if (header === undefined) {
            header = fields;
            const rule = brokenHeader(header);
            if (rule !== undefined) throw faults.fatal(line, rule);
            if (columns.length === 0) columns.push(...header);
          } else if (fields.length !== header.length) {
            faults.leaveOut(
              line,
              `a row has as many fields as the header (${header.length}), not ${fields.length}`,
            );
          } else {
            rows += 1;
            take(fields);
          }
        },
      });
      const bytes = await scanTexts(texts, scanner, pause);
      if (header === undefined) throw faults.fatal(1, 'the first row names the columns');
      return { rows, bytes, skipped: faults.skipped, firstSkipped: faults.first };
    },
  };
}

function brokenHeader(header: readonly string[]): string | undefined {
  if (header.length > MAX_COLUMNS) return `there are at most ${MAX_COLUMNS} columns`;
  const seen = new Set<string>();
  for (const [index, name] of header.entries()) {
    if (name.trim() === '') return `every column has a name, but column ${index + 1} has none`;
    if (name.length > MAX_COLUMN_NAME)
      return `a column's name has at most ${MAX_COLUMN_NAME} characters, unlike that of column ${index + 1}`;
    if (seen.has(name))
      return `every column has its own name, but ${JSON.stringify(name)} stands there twice`;
    seen.add(name);
  }
  return undefined;
}
