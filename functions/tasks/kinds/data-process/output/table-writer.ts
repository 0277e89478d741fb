import type { ArtifactWriter, StoredArtifact, TaskArtifacts } from '../../../task-artifacts.ts';
import type { Cell } from '../table/cell.ts';
import type { Format } from '../table/formats.ts';

const MEDIA_TYPES: Readonly<Record<Format, string>> = {
  csv: 'text/csv',
  ndjson: 'application/x-ndjson',
  json: 'application/json',
};

/** The value of a field on its way out. Lists and objects stand in one field of CSV as JSON. */
export type OutputValue = Cell | readonly unknown[] | Readonly<Record<string, unknown>>;

/** Texts of a table in a format. Lines stand one after the other, with `between` between two of them. */
export type TableFormat = {
  readonly head: string;
  readonly line: (values: readonly OutputValue[]) => string;
  readonly between: string;
  readonly foot: string;
};

export function tableFormat(format: Format, columns: readonly string[]): TableFormat {
  if (format === 'csv') return { head: csvLine(columns), line: csvLine, between: '', foot: '' };
  const line = recordWriter(columns);
  return format === 'json'
    ? { head: '[\n', line, between: ',\n', foot: '\n]\n' }
    : { head: '', line: (values) => `${line(values)}\n`, between: '', foot: '' };
}

/** Returns a function that writes values under the names of their columns, in this order: an object would move some names. */
function recordWriter(columns: readonly string[]): TableFormat['line'] {
  const names = columns.map((name) => JSON.stringify(name));
  return (values) =>
    `{${names.map((name, index) => `${name}:${JSON.stringify(values[index] ?? null)}`).join(',')}}`;
}

const csvLine = (values: readonly OutputValue[]) => `${values.map(csvField).join(',')}\n`;

/** Quotes a field where RFC 4180 requires it. A single empty field is quoted too, because an empty line is no row. */
function csvField(value: OutputValue, _index: number, { length }: readonly OutputValue[]): string {
  const text = typeof value === 'object' ? (value === null ? '' : JSON.stringify(value)) : String(value);
  if (text === '') return length === 1 ? '""' : '';
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Writes a table into an artifact, line by line. */
export class TableWriter {
  readonly line: TableFormat['line'];
  readonly #format: TableFormat;
  readonly #writer: ArtifactWriter;
  /** Text that is not written yet. */
  #waiting: string[];
  #lines = 0;

  constructor(
    { format, columns, name }: { format: Format; columns: readonly string[]; name: string },
    artifacts: Pick<TaskArtifacts, 'create'>,
  ) {
    this.#format = tableFormat(format, columns);
    this.line = this.#format.line;
    this.#writer = artifacts.create({ name, mediaType: MEDIA_TYPES[format] });
    this.#waiting = [this.#format.head];
  }

  get lines(): number {
    return this.#lines;
  }

  /** Takes a line, as `line` has written it. Call `flush` now and then. */
  take(line: string): void {
    if (this.#lines > 0) this.#waiting.push(this.#format.between);
    this.#waiting.push(line);
    this.#lines += 1;
  }

  async flush(): Promise<void> {
    if (this.#waiting.length === 0) return;
    const text = this.#waiting.join('');
    this.#waiting = [];
    if (text !== '') await this.#writer.write(text);
  }

  async end(): Promise<StoredArtifact> {
    this.#waiting.push(this.#format.foot);
    await this.flush();
    return this.#writer.end();
  }
}
