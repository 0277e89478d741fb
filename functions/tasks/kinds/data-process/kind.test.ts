import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import dataProcess from './kind.ts';

const { payload } = dataProcess;

test('a payload without any field is valid', () => {
  expect([payload.parse(undefined), payload.parse({})]).toEqual([{}, {}]);
});

test('one column to group by becomes a list, and a parsed payload parses to itself', () => {
  const parsed = payload.parse({ csv: 'a\n1', group_by: 'a' });
  expect(parsed).toEqual({ csv: 'a\n1', group_by: ['a'] });
  expect(payload.parse(parsed)).toEqual(parsed);
});

test('records are unchanged, even with columns named like properties of objects', () => {
  const records = JSON.parse('[{"__proto__":1,"constructor":"x"}]');
  expect(Object.keys(payload.parse({ records }).records?.[0] ?? {})).toEqual(['__proto__', 'constructor']);
});

test('the schema has a JSON Schema for clients', () => {
  expect(z.toJSONSchema(payload, { io: 'input' })).toMatchObject({
    type: 'object',
    additionalProperties: false,
  });
});

const FILE = '01990000-0000-7000-8000-000000000000';

test('a file with every wish is valid, and a parsed payload parses to itself', () => {
  const given = {
    artifact: FILE.toUpperCase(),
    format: 'csv',
    delimiter: ';',
    malformed: 'skip',
    where: [
      { column: 'a', op: 'in', value: [1, 'x', true] },
      { column: 'b', op: 'at_least', value: '2024-01-01' },
      { column: 'c', op: 'present' },
    ],
    group_by: 'a',
    columns: ['b'],
    output: {
      content: 'rows',
      format: 'json',
      name: 'x.json',
      sort: [{ column: 'b', descending: true }],
      limit: 5,
    },
  };
  const parsed = payload.parse(given);
  expect(parsed).toEqual({ ...given, artifact: FILE, group_by: ['a'] });
  expect(payload.parse(parsed)).toEqual(parsed);
});

const wide = Object.fromEntries(Array.from({ length: 201 }, (_, i) => [`c${i}`, 1]));
const REFUSED: readonly (readonly [string, string, unknown])[] = [
  ['a list', '/', []],
  ['an unknown field', '/', { rows: [] }],
  ['records and csv together', '/csv', { records: [], csv: 'a' }],
  ['a delimiter without csv', '/delimiter', { records: [], delimiter: ';' }],
  ['another delimiter', '/delimiter', { csv: 'a', delimiter: ':' }],
  ['a file and csv together', '/artifact', { artifact: FILE, csv: 'a' }],
  ['a file that is no id', '/artifact', { artifact: 'x' }],
  ['an unknown format', '/format', { artifact: FILE, format: 'xml' }],
  ['a format without a file', '/format', { csv: 'a', format: 'csv' }],
  ['skipping in csv', '/malformed', { csv: 'a', malformed: 'skip' }],
  ['a delimiter for JSON', '/delimiter', { artifact: FILE, format: 'json', delimiter: ';' }],
  ['conditions on nothing', '/where', { where: [{ column: 'a', op: 'present' }] }],
  ['no conditions', '/where', { csv: 'a', where: [] }],
  ['too many conditions', '/where', { csv: 'a', where: Array(21).fill({ column: 'a', op: 'present' }) }],
  ['an unknown operator', '/where/0/op', { csv: 'a', where: [{ column: 'a', op: 'like', value: 'x' }] }],
  ['a condition without its value', '/where/0/value', { csv: 'a', where: [{ column: 'a', op: 'equals' }] }],
  ['a value that means nothing', '/where/0', { csv: 'a', where: [{ column: 'a', op: 'missing', value: 1 }] }],
  [
    'an order of booleans',
    '/where/0/value',
    { csv: 'a', where: [{ column: 'a', op: 'at_least', value: true }] },
  ],
  [
    'too many values',
    '/where/0/value',
    { csv: 'a', where: [{ column: 'a', op: 'in', value: Array(101).fill(1) }] },
  ],
  [
    'a long value',
    '/where/0/value',
    { csv: 'a', where: [{ column: 'a', op: 'contains', value: 'x'.repeat(1001) }] },
  ],
  ['an output of nothing', '/output', { output: { format: 'csv' } }],
  ['an output without a format', '/output/format', { csv: 'a', output: {} }],
  ['groups without grouping', '/output/content', { csv: 'a', output: { content: 'groups', format: 'csv' } }],
  [
    'sorted columns',
    '/output/sort',
    { csv: 'a', output: { content: 'columns', format: 'csv', sort: [{ column: 'a' }] } },
  ],
  [
    'four columns to sort by',
    '/output/sort',
    { csv: 'a', output: { format: 'csv', sort: ['a', 'b', 'c', 'd'].map((column) => ({ column })) } },
  ],
  [
    'a column to sort by twice',
    '/output/sort',
    { csv: 'a', output: { format: 'csv', sort: [{ column: 'a' }, { column: 'a' }] } },
  ],
  ['more rows than can be sorted', '/output/limit', { csv: 'a', output: { format: 'csv', limit: 100_001 } }],
  ['a path as a name', '/output/name', { csv: 'a', output: { format: 'csv', name: 'a/b' } }],
  ['grouping nothing', '/group_by', { group_by: 'a' }],
  ['columns of nothing', '/columns', { columns: ['a'] }],
  ['four columns to group by', '/group_by', { csv: 'a', group_by: ['a', 'b', 'c', 'd'] }],
  ['the same column twice', '/columns', { csv: 'a', columns: ['a', 'a'] }],
  ['no columns', '/columns', { csv: 'a', columns: [] }],
  ['an empty text', '/csv', { csv: '' }],
  ['a text above 1 MiB', '/csv', { csv: 'ü'.repeat(524_289) }],
  ['NUL in a text', '/csv', { csv: 'a\n\u0000' }],
  ['too many records', '/records', { records: new Array(10_001).fill({}) }],
  ['too many columns', '/records/0', { records: [wide] }],
  [
    'too many columns together',
    '/records/200',
    { records: Array.from({ length: 201 }, (_, i) => ({ [`c${i}`]: 1 })) },
  ],
  ['a record that is a list', '/records/1', { records: [{}, []] }],
  ['a record that is null', '/records/0', { records: [null] }],
  ['a nested cell', '/records/0/a', { records: [{ a: { b: 1 } }] }],
  ['a list in a cell', '/records/0/a', { records: [{ a: [] }] }],
  ['a nested cell behind __proto__', '/records/0/__proto__', { records: [JSON.parse('{"__proto__":{}}')] }],
  ['a blank column name', '/records/0/ ', { records: [{ ' ': 1 }] }],
  ['a long column name', `/records/0/${'x'.repeat(101)}`, { records: [{ ['x'.repeat(101)]: 1 }] }],
  ['NUL in a cell', '/records/0/a', { records: [{ a: '\u0000' }] }],
  ['half a character in a cell', '/records/0/a', { records: [{ a: '\ud800' }] }],
];

describe('refused', () => {
  for (const [what, pointer, given] of REFUSED) {
    test(what, () => {
      const issues = payload.safeParse(given).error?.issues ?? [];
      expect(issues.map(({ path }) => `/${path.join('/')}`)).toContain(pointer);
    });
  }

  test('the errors of a table full of mistakes are bounded', () => {
    const records = new Array(10_000).fill({ a: [], b: [] });
    expect(payload.safeParse({ records }).error?.issues.length).toBeLessThanOrEqual(20);
  });
});
