import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rowsOfCsv } from './csv-rows.ts';
import { textsOf } from './texts.ts';

/** Returns the cells of each column. */
async function columnsOf(text: string, delimiter = ',') {
  const rows = rowsOfCsv(textsOf(text), { delimiter, malformed: 'refuse' });
  const lists: string[][] = [];
  await rows.read(
    (cells) => void lists.push(cells.map(String)),
    async () => {},
  );
  return rows.columns.map((name, index) => [name, lists.map((cells) => cells[index])]);
}

const READ: readonly (readonly [
  string,
  string,
  string,
  readonly (readonly [string, readonly string[]])[],
])[] = [
  [
    'quotes, doubled quotes, line breaks and delimiters in fields',
    'a,b\n"x,\n""y""",2\n',
    ',',
    [
      ['a', ['x,\n"y"']],
      ['b', ['2']],
    ],
  ],
  [
    'a byte order mark and Windows line endings',
    '\uFEFFa,b\r\n1,2\r\n',
    ',',
    [
      ['a', ['1']],
      ['b', ['2']],
    ],
  ],
  ['line endings of several systems', 'a\n1\r\n2\r3', ',', [['a', ['1', '2', '3']]]],
  [
    'empty lines',
    'a,b\n\n1,2\n\n',
    ',',
    [
      ['a', ['1']],
      ['b', ['2']],
    ],
  ],
  [
    'semicolons',
    'a;b\n1,5;2',
    ';',
    [
      ['a', ['1,5']],
      ['b', ['2']],
    ],
  ],
  [
    'tabs',
    'a\tb\n1\t',
    '\t',
    [
      ['a', ['1']],
      ['b', ['']],
    ],
  ],
  [
    'bars',
    'a|b\n1|2',
    '|',
    [
      ['a', ['1']],
      ['b', ['2']],
    ],
  ],
  [
    'a header alone',
    'a,b',
    ',',
    [
      ['a', []],
      ['b', []],
    ],
  ],
  [
    'columns with names that objects have',
    '__proto__,constructor\n1,2',
    ',',
    [
      ['__proto__', ['1']],
      ['constructor', ['2']],
    ],
  ],
];

describe('reads', () => {
  for (const [what, text, delimiter, columns] of READ) {
    test(what, async () => expect(await columnsOf(text, delimiter)).toEqual(columns));
  }
});

const REFUSED = [
  ['a row that is too short', 'a,b\n1,2\n3\n', 3, 'as many fields'],
  ['a row that is too long', 'a,b\r\n1,2\r\n1,2,3\r\n', 3, 'as many fields'],
  ['a quote that is never closed', 'a,b\n"1\n""",2\n3,"4\n5\n6\n', 4, 'ends with a quote'],
  ['text after a closing quote', 'a,b\n"1"x,2\n', 2, 'after the closing quote'],
  ['a quote inside a field', 'a,b\n1,2\n1x"y,2\n', 3, 'a quote stands'],
  ['a column twice', 'a,b,a\n1,2,3\n', 1, '"a" stands there twice'],
  ['a column without a name', 'a,,c\n1,2,3\n', 1, 'column 2 has none'],
  ['a column with a blank name', 'a, \n1,2\n', 1, 'column 2 has none'],
  ['a name that is too long', `a,${'x'.repeat(101)}\n1,2\n`, 1, 'at most 100 characters'],
  [
    'too many columns',
    `${Array.from({ length: 201 }, (_, i) => `c${i}`).join(',')}\n`,
    1,
    'at most 200 columns',
  ],
  ['nothing but empty lines', '\n\n', 1, 'names the columns'],
] as const;

describe('refuses, naming line and rule,', () => {
  for (const [what, text, line, rule] of REFUSED) {
    test(what, async () => {
      const failure = {
        name: 'PermanentError',
        code: 'csv_invalid',
        details: { line, rule: expect.stringContaining(rule) },
      };
      await expect(columnsOf(text)).rejects.toMatchObject(failure);
    });
  }
});

test('a text full of quotes is judged in time that grows with its length', async () => {
  await expect(columnsOf(`a\n"${'""'.repeat(400_000)}`)).rejects.toThrow('CSV line 2');
});

test('a valid text is read as it was written', async () => {
  const field = fc.string({ unit: 'grapheme' }).filter((text) => text !== '');
  const rows = fc
    .integer({ min: 1, max: 5 })
    .chain((width) => fc.array(fc.array(field, { minLength: width, maxLength: width }), { minLength: 1 }));
  await fc.assert(
    fc.asyncProperty(rows, async (table) => {
      const quoted = table.map((row) => row.map((text) => `"${text.replaceAll('"', '""')}"`).join(','));
      const header = table[0]?.map((_, index) => `c${index}`) ?? [];
      const columns = await columnsOf([header.join(','), ...quoted].join('\n'));
      expect(columns).toEqual(header.map((name, index) => [name, table.map((row) => row[index])]));
    }),
  );
});
