import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { csvLines } from './csv.ts';
import { BLANK, ndjsonLines } from './ndjson.ts';
import type { ImportLine } from './ports.ts';

/** Returns the line of an offset, as an editor shows it. */
const lineAt = (text: string, offset: number) =>
  [...text.matchAll(/\r\n|\r|\n/g)].filter(({ index }) => index < offset).length + 1;

const lineEnd = fc.constantFrom('\n', '\r\n', '\r');
const blankLines = fc.array(lineEnd, { maxLength: 3 }).map((ends) => ends.join(''));

async function* pieces(content: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(content);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function numbers(lines: AsyncIterable<ImportLine>): Promise<number[]> {
  const found: number[] = [];
  for await (const line of lines) if (!('fault' in line && line.fault === BLANK)) found.push(line.line);
  return found;
}

/** Joins rows and the blank lines between them into one text, and returns where each row ends in it. */
function joined(rows: readonly { row: string; end: string; blank: string }[], before: string) {
  let text = before;
  const ends = rows.map(({ row, end, blank }) => {
    text += row;
    const offset = text.length;
    text += end + blank;
    return offset;
  });
  return { text, lines: ends.map((offset) => lineAt(text, offset)) };
}

const between = { end: lineEnd, blank: blankLines };
const size = fc.integer({ min: 1, max: 9 });
const bom = fc.constantFrom('', '\uFEFF');

describe('a row has the line number that an editor shows', () => {
  test('in CSV, also after line ends inside quotes, across chunks', async () => {
    const cell = fc
      .array(fc.oneof(fc.constantFrom('a', 'ä', '🥬', ',', '""', ' '), lineEnd), { maxLength: 6 })
      .map((parts) => `"${parts.join('')}"`);
    const row = fc.tuple(fc.constant('x'), cell).map((cells) => cells.join(','));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ row, ...between }), { maxLength: 8 }),
        bom,
        blankLines,
        size,
        async (rows, mark, blank, bytes) => {
          const { text, lines } = joined([{ row: 'name,payload.csv', end: '\n', blank }, ...rows], mark);
          expect(await numbers(csvLines(pieces(text, bytes)))).toEqual(lines.slice(1));
        },
      ),
    );
  });

  test('in NDJSON, across chunks', async () => {
    const row = fc.constantFrom('{"name":"a"}', '[]', 'bad', '"ä🥬"');
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ row, ...between }), { maxLength: 12 }),
        bom,
        blankLines,
        size,
        async (rows, mark, blank, bytes) => {
          const { text, lines } = joined(rows, mark + blank);
          expect(await numbers(ndjsonLines(pieces(text, bytes)))).toEqual(lines);
        },
      ),
    );
  });

  test('in CSV that breaks off: the row with the open quote is named by the line on which it begins', async () => {
    await fc.assert(
      fc.asyncProperty(lineEnd, blankLines, size, async (end, blank, bytes) => {
        const before = `name,payload.csv${end}a,"b${end}c"${end}${blank}`;
        const text = `${before}d,"open${end}e${end}`;
        await expect(numbers(csvLines(pieces(text, bytes)))).rejects.toThrow(
          `a quote is not closed (in the row that begins on line ${lineAt(text, before.length)})`,
        );
      }),
    );
  });
});
