import { MAX_ROW_UNITS } from '../table/bounds.ts';

/** The rules of the format, as errors name them. */
const RULES = {
  notClosed: 'a quoted field ends with a quote',
  afterQuote: 'after the closing quote comes a delimiter or the end of the line',
  quoteInside: 'a quote stands at the beginning of a field, or is doubled inside a quoted one',
  tooLong: `a row has at most ${MAX_ROW_UNITS} characters`,
} as const;

export type CsvScannerSpec = {
  /** One character. */
  delimiter: string;
  /** Takes the fields of a row, and the line on which it begins. */
  takeRow: (fields: string[], line: number) => void;
  /** Returns the error of a row that begins on a line and breaks a rule. */
  broken: (line: number, rule: string) => Error;
};

const [QUOTE, LF, CR] = [0x22, 0x0a, 0x0d];

/**
 * Splits CSV (RFC 4180) into rows. Empty lines are no rows. LF, CR LF and CR each end a line. It is an own parser because those
 * of libraries are either ten times slower or accept broken quotes; a test compares it with `csv-parse`.
 */
export class CsvScanner {
  readonly #spec: CsvScannerSpec;
  readonly #delimiter: number;
  /** The beginning of a row whose end has not come yet. */
  #rest = '';
  #line = 1;

  constructor(spec: CsvScannerSpec) {
    this.#spec = spec;
    this.#delimiter = spec.delimiter.charCodeAt(0);
  }

  push(text: string): void {
    this.#scan(this.#rest + text, false);
  }

  end(): void {
    this.#scan(this.#rest, true);
  }

  #scan(text: string, isEnd: boolean): void {
    let at = 0;
    while (at < text.length) {
      const next = this.#row(text, at, isEnd);
      if (next === -1) break;
      if (next - at > MAX_ROW_UNITS) throw this.#spec.broken(this.#line, RULES.tooLong);
      at = next;
    }
    this.#rest = at === text.length ? '' : text.slice(at);
    if (this.#rest.length > MAX_ROW_UNITS) throw this.#spec.broken(this.#line, RULES.tooLong);
  }

  /** Reads one row. @returns where the next one begins; -1 when the end of the row has not come yet */
  #row(text: string, from: number, isEnd: boolean): number {
    const length = text.length;
    const delimiter = this.#delimiter;
    const begin = this.#line;
    const fields: string[] = [];
    let at = from;
    let linesInside = 0;
    for (;;) {
      if (text.charCodeAt(at) === QUOTE) {
        const closing = this.#closingQuote(text, at + 1, isEnd);
        if (closing === -1) return -1;
        const inner = text.slice(at + 1, closing);
        fields.push(inner.includes('"') ? inner.replaceAll('""', '"') : inner);
        linesInside += lineEndsIn(inner);
        at = closing + 1;
      } else {
        const start = at;
        let code = text.charCodeAt(at);
        while (at < length && code !== delimiter && code !== LF && code !== CR) {
          if (code === QUOTE) throw this.#spec.broken(begin, RULES.quoteInside);
          at += 1;
          code = text.charCodeAt(at);
        }
        if (at === length && !isEnd) return -1;
        fields.push(text.slice(start, at));
      }
      if (at >= length) {
        if (!isEnd) return -1;
        break;
      }
      const code = text.charCodeAt(at);
      if (code === delimiter) {
        at += 1;
        continue;
      }
      if (code !== LF && code !== CR) throw this.#spec.broken(begin, RULES.afterQuote);
      if (code === CR && at + 1 === length && !isEnd) return -1;
      at += code === CR && text.charCodeAt(at + 1) === LF ? 2 : 1;
      this.#line += 1;
      break;
    }
    this.#line += linesInside;
    const isEmpty = fields.length === 1 && fields[0] === '' && text.charCodeAt(from) !== QUOTE;
    if (!isEmpty) this.#spec.takeRow(fields, begin);
    return at;
  }

  /** @returns the index of the quote that ends a field; -1 when it has not come yet */
  #closingQuote(text: string, from: number, isEnd: boolean): number {
    for (let at = text.indexOf('"', from); at !== -1; at = text.indexOf('"', at + 2)) {
      if (at + 1 === text.length) return isEnd ? at : -1;
      if (text.charCodeAt(at + 1) !== QUOTE) return at;
    }
    if (isEnd) throw this.#spec.broken(this.#line, RULES.notClosed);
    return -1;
  }
}

/** @returns the number of line ends in a text, as an editor counts */
function lineEndsIn(text: string): number {
  return text.includes('\n') || text.includes('\r') ? (text.match(/\r\n|\n|\r/g)?.length ?? 0) : 0;
}
