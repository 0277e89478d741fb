import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_ROW_UNITS } from '../table/bounds.ts';
import type { Cell } from '../table/cell.ts';
import { rowsOfJson } from './record-rows.ts';

type Format = 'ndjson' | 'json';

/** Reads the records of a text that comes in pieces. */
async function read(pieces: readonly string[], format: Format, malformed: 'refuse' | 'skip' = 'refuse') {
  const rows = rowsOfJson(
    async function* () {
      for (const text of pieces) yield { text, share: 0, bytesRead: 0 };
    },
    { format, malformed },
  );
  const records: Record<string, Cell>[] = [];
  const { skipped, firstSkipped } = await rows.read(
    (cells) =>
      void records.push(
        Object.fromEntries(
          rows.columns.flatMap((name, index) => (cells[index] === undefined ? [] : [[name, cells[index]]])),
        ),
      ),
    async () => {},
  );
  return { records, skipped, firstSkipped };
}

const cell = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', 'é', '😀', '"', '\\', '{', ']', ',', '\n', ':') }),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0),
  fc.boolean(),
  fc.constant(null),
);
const table = fc.array(
  fc.dictionary(fc.constantFrom('a', 'b', 'c d', '"', 'constructor'), cell, { noNullPrototype: true }),
);
/** Where a text is cut, as shares of its length. */
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 5 });

function inPieces(text: string, at: readonly number[]): string[] {
  const places = [
    0,
    ...at.map((share) => Math.floor(share * text.length)).sort((a, b) => a - b),
    text.length,
  ];
  return places.slice(1).map((end, index) => text.slice(places[index], end));
}

test.each([
  ['ndjson', (records: object[]) => records.map((record) => `${JSON.stringify(record)}\n`).join('')],
  ['ndjson', (records: object[]) => records.map((record) => JSON.stringify(record)).join('\r\n\n')],
  ['json', (records: object[]) => JSON.stringify(records)],
  ['json', (records: object[]) => ` ${JSON.stringify(records, null, 2)}\n`],
] as const)('%s is read as it was written, in whatever pieces it comes', async (format, write) => {
  await fc.assert(
    fc.asyncProperty(table, cuts, async (records, at) => {
      expect((await read(inPieces(write(records), at), format)).records).toEqual(records);
    }),
    { numRuns: 300 },
  );
});

const REFUSED: readonly (readonly [string, Format, string, number, string])[] = [
  ['a line that is no JSON', 'ndjson', '{"a":1}\n{"a":\n', 2, 'a record is JSON'],
  ['a line that is a list', 'ndjson', '{"a":1}\n\n[1]\n', 3, 'a record is an object'],
  ['a nested value', 'ndjson', '{"a":{"b":1}}', 1, '"a": Must be a string, number, boolean or null'],
  ['a blank name', 'ndjson', '{" ":1}', 1, 'A column needs a name'],
  ['NUL in a text', 'ndjson', '{"a":"\\u0000"}', 1, 'NUL'],
  ['half a character', 'ndjson', '{"a":"\\ud800"}', 1, 'surrogate'],
  ['a number beyond all', 'ndjson', '{"a":1e400}', 1, 'below 1.8e308'],
  [
    'too many columns',
    'ndjson',
    JSON.stringify(Object.fromEntries(Array.from({ length: 201 }, (_, i) => [`c${i}`, 1]))),
    1,
    'at most 200 columns',
  ],
  ['an element that is no object', 'json', '[{"a":1},\n7]', 2, 'a record is an object'],
];

describe.each(REFUSED)('%s', (_what, format, text, line, rule) => {
  test('is refused by line and rule', async () => {
    await expect(read([text], format)).rejects.toMatchObject({
      name: 'PermanentError',
      code: 'json_invalid',
      details: { line, rule: expect.stringContaining(rule) },
    });
  });

  test('is left out and counted on request', async () => {
    expect(await read([text], format, 'skip')).toMatchObject({
      skipped: 1,
      firstSkipped: { line, rule: expect.stringContaining(rule) },
    });
  });
});

const UNREADABLE: readonly (readonly [string, Format, string, number, string])[] = [
  ['an object instead of an array', 'json', '{"a":1}', 1, 'begins with ['],
  ['nothing', 'json', ' \n', 2, 'ends with ]'],
  ['an array that breaks off', 'json', '[{"a":1},\n{"a"', 2, 'ends with ]'],
  ['an array without its end', 'json', '[{"a":1}', 1, 'ends with ]'],
  ['two records without a comma', 'json', '[{"a":1}\n{"a":2}]', 2, 'comes a comma'],
  ['a comma at the end', 'json', '[{"a":1},\n]', 2, 'a record comes here'],
  ['something after the array', 'json', '[]\n[]', 2, 'nothing comes after'],
  ['a line that is too long', 'ndjson', `{}\n"${'x'.repeat(MAX_ROW_UNITS)}"`, 2, 'at most'],
  ['a record that is too long', 'json', `[\n{"a":"${'x'.repeat(MAX_ROW_UNITS)}"}]`, 2, 'at most'],
];

test.each(UNREADABLE)(
  '%s is refused, also when malformed rows are left out',
  async (_what, format, text, line, rule) => {
    await expect(read([text], format, 'skip')).rejects.toMatchObject({
      code: 'json_invalid',
      details: { line, rule: expect.stringContaining(rule) },
    });
  },
);
