import { CsvError, parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_ROW_UNITS } from '../table/bounds.ts';
import { CsvScanner } from './csv-scanner.ts';

/** Returns the rows of a text that comes in pieces, each with its line. */
function scan(pieces: readonly string[], delimiter = ','): [fields: string[], line: number][] {
  const rows: [string[], number][] = [];
  const scanner = new CsvScanner({
    delimiter,
    takeRow: (fields, line) => rows.push([fields, line]),
    broken: (line, rule) => new Error(`${line}: ${rule}`),
  });
  for (const piece of pieces) scanner.push(piece);
  scanner.end();
  return rows;
}

/** @returns the rows, or 'refused' */
function outcome<Row>(read: () => Row[]): Row[] | 'refused' {
  try {
    return read();
  } catch (error) {
    if (error instanceof CsvError || error instanceof Error) return 'refused';
    throw error;
  }
}

/** Texts of everything that CSV treats in a special way. */
const text = fc.string({
  unit: fc.constantFrom('a', 'é', '😀', ' ', ',', '"', '""', '\n', '\r', '\r\n'),
  maxLength: 40,
});

test('any text is read, or refused, as by csv-parse', () => {
  fc.assert(
    fc.property(text, (csv) => {
      const ours = outcome(() => scan([csv]).map(([fields]) => fields));
      const theirs = outcome(
        () =>
          parse(csv, {
            relax_column_count: true,
            skip_empty_lines: true,
            record_delimiter: ['\r\n', '\n', '\r'],
          }) as string[][],
      );
      expect(ours).toEqual(theirs);
    }),
    { numRuns: 5_000 },
  );
});

test('a text is read alike, in whatever pieces it comes', () => {
  fc.assert(
    fc.property(fc.array(text, { maxLength: 6 }), (pieces) => {
      expect(outcome(() => scan(pieces))).toEqual(outcome(() => scan([pieces.join('')])));
    }),
    { numRuns: 3_000 },
  );
});

test('the line of a row is that on which it begins, as an editor counts', () => {
  expect(scan(['a\r\n"b\r\nc\nd"\r\r\ne']).map(([, line]) => line)).toEqual([1, 2, 6]);
});

describe('a row has a bounded length', () => {
  const inPieces = (text: string) => text.match(/.{1,65536}/gs) ?? [];
  test.each([
    ['of one field', (length: number) => 'x'.repeat(length)],
    ['of one quoted field', (length: number) => `"${'x'.repeat(length - 2)}"`],
  ])('%s', (_what, rowOf) => {
    expect(scan(inPieces(rowOf(MAX_ROW_UNITS)))).toHaveLength(1);
    expect(() => scan(inPieces(`a\n${rowOf(MAX_ROW_UNITS + 1)}`))).toThrow('2: a row has at most');
  });
});
