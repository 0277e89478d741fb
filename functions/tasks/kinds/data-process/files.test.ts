import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_SORTED_ROWS } from './table/bounds.ts';
import type { Cell } from './table/cell.ts';
import { runInline, runOnFile } from './testing/run-kind.ts';

const SALES = 'city,sales,day\nParis,3,2024-02-01\nRome,,2024-01-01\nParis,5,2024-03-01\n"Rome, old",10,\n';

describe('a file is summarized as the same table in the payload', () => {
  const cell = fc.oneof(
    fc.integer({ min: -50, max: 50 }),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0),
    fc.constantFrom('', 'a', 'true', '2024-02-29', '007', 'x, "y"\nz', '😀'),
    fc.boolean(),
    fc.constant(null),
  );
  const table = fc
    .array(fc.tuple(cell, cell, fc.constantFrom('k', 'l', null)), { minLength: 1, maxLength: 30 })
    .map((rows) => rows.map(([a, b, key]) => ({ a, b, key })));
  const wishes = fc.constantFrom(
    {},
    { group_by: ['key'] },
    { where: [{ column: 'a', op: 'at_least', value: 0 }], columns: ['b'] },
    { where: [{ column: 'key', op: 'missing' }], group_by: ['a', 'key'] },
  );

  test('as NDJSON and as a JSON array, like records', async () => {
    await fc.assert(
      fc.asyncProperty(table, wishes, async (records, payload) => {
        const inline = await runInline({ records, ...payload });
        const ndjson = records.map((record) => JSON.stringify(record)).join('\n');
        expect((await runOnFile({ content: ndjson, name: 'x.jsonl' }, payload)).result).toEqual(inline);
        const json = gzipSync(JSON.stringify(records));
        expect((await runOnFile({ content: json, name: 'x.json.gz' }, payload)).result).toEqual(inline);
      }),
      { numRuns: 60 },
    );
  });

  test('as CSV, like csv', async () => {
    const field = (value: Cell) => (value === null ? '' : `"${String(value).replaceAll('"', '""')}"`);
    await fc.assert(
      fc.asyncProperty(table, wishes, async (records, payload) => {
        const csv = ['a;b;key', ...records.map((row) => [row.a, row.b, row.key].map(field).join(';'))].join(
          '\r\n',
        );
        const wanted = { delimiter: ';', ...payload };
        const inline = await runInline({ csv, ...wanted });
        expect((await runOnFile({ content: csv }, wanted)).result).toEqual(inline);
        expect((await runOnFile({ content: gzipSync(csv), mediaType: 'text/csv' }, wanted)).result).toEqual(
          inline,
        );
      }),
      { numRuns: 60 },
    );
  });
});

describe('the format of a file', () => {
  test.each([
    ['text/csv', 'x', 'a\n1'],
    ['text/csv; charset=utf-8', 'x', 'a\n1'],
    ['text/tab-separated-values', 'x', 'a\tb\n1\t2'],
    ['application/x-ndjson', 'x', '{"a":1}'],
    ['application/json', 'x', '[{"a":1}]'],
    ['application/octet-stream', 'x.CSV', 'a\n1'],
    ['application/gzip', 'x.tsv.gz', 'a\tb\n1\t2'],
    ['application/gzip', 'x.jsonl.gz', '{"a":1}'],
    ['text/plain', 'x.json', '[{"a":1}]'],
  ])('is told by %s and %s', async (mediaType, name, content) => {
    const { result } = await runOnFile({ content, mediaType, name });
    expect(result).toMatchObject({
      records: 1,
      columns: [{ name: 'a' }, ...(content.includes('b') ? [{ name: 'b' }] : [])],
    });
  });

  test('is asked for when nothing tells it, and the one given counts', async () => {
    const unknown = { content: 'a\n1', name: 'data', mediaType: 'text/plain' };
    await expect(runOnFile(unknown)).rejects.toMatchObject({ code: 'format_unknown' });
    expect((await runOnFile(unknown, { format: 'csv' })).result.records).toBe(1);
    expect(
      (await runOnFile({ content: '{"a":1}', name: 'a.csv' }, { format: 'ndjson' })).result.records,
    ).toBe(1);
  });
});

describe('malformed rows', () => {
  const content = 'a,b\n1,2\n3\n4,5,6\n7,8\n';

  test('fail the task by default, with the line', async () => {
    await expect(runOnFile({ content })).rejects.toMatchObject({ code: 'csv_invalid', details: { line: 3 } });
  });

  test('are left out and counted on request', async () => {
    expect((await runOnFile({ content }, { malformed: 'skip' })).result).toMatchObject({
      records: 2,
      columns: [{ sum: 8 }, { sum: 10 }],
      skipped: { rows: 2, first: { line: 3, rule: expect.stringContaining('as many fields as the header') } },
    });
  });

  test('after which no row can be found fail the task in any case', async () => {
    const open = { content: 'a,b\n1,"2\n3,4\n' };
    await expect(runOnFile(open, { malformed: 'skip' })).rejects.toMatchObject({
      code: 'csv_invalid',
      details: { line: 2 },
    });
  });
});

describe('conditions', () => {
  test('leave rows out of everything', async () => {
    const where = [
      { column: 'sales', op: 'present' },
      { column: 'city', op: 'starts_with', value: 'P' },
    ];
    expect((await runOnFile({ content: SALES }, { where, group_by: 'city' })).result).toMatchObject({
      records: 2,
      columns: [{ name: 'city', distinct: 1 }, { name: 'sales', sum: 8, missing: 0 }, { name: 'day' }],
      groups: [{ by: ['Paris'], records: 2 }],
    });
  });

  test('that no row meets leave an empty table', async () => {
    const where = [{ column: 'sales', op: 'equals', value: 99 }];
    const { result, written } = await runOnFile(
      { content: SALES },
      { where, group_by: 'city', output: { format: 'csv' } },
    );
    expect(result).toMatchObject({
      records: 0,
      columns: [{ type: 'empty' }, { type: 'empty' }, { type: 'empty' }],
      groups: [],
    });
    expect(written).toBe('city,sales,day\n');
  });

  test('on a column that there is not fail the task', async () => {
    const where = [{ column: 'town', op: 'missing' }];
    await expect(runOnFile({ content: SALES }, { where })).rejects.toMatchObject({
      code: 'unknown_column',
      details: { column: 'town', columns: ['city', 'sales', 'day'] },
    });
  });
});

describe('the rows that are written', () => {
  test('stand in CSV as they were given, in their order', async () => {
    const { result, written } = await runOnFile({ content: SALES }, { output: { format: 'csv' } });
    expect(written).toBe(SALES);
    expect(result.output).toEqual({
      artifact: expect.any(String),
      name: 'rows.csv',
      media_type: 'text/csv',
      bytes: Buffer.byteLength(SALES),
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      rows: 4,
    });
  });

  test('stand in JSON as values', async () => {
    const output = { format: 'ndjson', name: 'x.ndjson' };
    const { written, result } = await runOnFile({ content: 'n,b,code\n 1,TRUE,007\n2.5,,9\n' }, { output });
    expect(written).toBe('{"n":1,"b":true,"code":"007"}\n{"n":2.5,"b":null,"code":"9"}\n');
    expect(result.output).toMatchObject({ name: 'x.ndjson', media_type: 'application/x-ndjson', rows: 2 });
    const json = await runOnFile({ content: SALES }, { output: { format: 'json' }, columns: ['sales'] });
    expect(JSON.parse(json.written ?? '')).toEqual([
      { sales: 3 },
      { sales: null },
      { sales: 5 },
      { sales: 10 },
    ]);
  });

  test('of no rows are valid, too', async () => {
    const where = [{ column: 'a', op: 'missing' }];
    const written = async (format: string) =>
      (await runOnFile({ content: 'a\n1\n' }, { where, output: { format } })).written;
    expect([
      await written('csv'),
      await written('ndjson'),
      JSON.parse((await written('json')) ?? ''),
    ]).toEqual(['a\n', '', []]);
  });

  test('can be read again, and give the same statistics', async () => {
    const first = await runOnFile({ content: SALES }, { output: { format: 'json' } });
    const again = await runOnFile({ content: first.written ?? '', name: 'x.json' });
    expect(again.result.columns).toEqual(first.result.columns);
  });

  test('are sorted by values, missing ones last, and equal ones stay in order', async () => {
    const sorted = async (...sort: object[]) =>
      (await runOnFile({ content: SALES }, { columns: ['city', 'sales'], output: { format: 'csv', sort } }))
        .written;
    expect(await sorted({ column: 'sales' })).toBe('city,sales\nParis,3\nParis,5\n"Rome, old",10\nRome,\n');
    expect(await sorted({ column: 'sales', descending: true })).toBe(
      'city,sales\n"Rome, old",10\nParis,5\nParis,3\nRome,\n',
    );
    expect(await sorted({ column: 'city', descending: true }, { column: 'day' })).toBe(
      'city,sales\n"Rome, old",10\nRome,\nParis,3\nParis,5\n',
    );
  });

  test('are the first ones of a sorted table, however large it is', async () => {
    const rows = 3 * MAX_SORTED_ROWS;
    const content = `n\n${Array.from({ length: rows }, (_, at) => (at * 7_919) % rows).join('\n')}\n`;
    const sort = [{ column: 'n', descending: true }];
    const { written, result } = await runOnFile({ content }, { output: { format: 'csv', sort, limit: 3 } });
    expect(written).toBe(`n\n${rows - 1}\n${rows - 2}\n${rows - 3}\n`);
    expect(result).toMatchObject({ records: rows, output: { rows: 3 } });
    const unsorted = await runOnFile({ content }, { output: { format: 'csv', limit: 2 } });
    expect(unsorted.written).toBe('n\n0\n7919\n');
  });

  test('are sorted up to the bound, and no further', async () => {
    const content = (rows: number) => `n\n${'1\n'.repeat(rows)}`;
    const output = { format: 'csv', sort: [{ column: 'n' }] };
    const { result } = await runOnFile({ content: content(MAX_SORTED_ROWS) }, { output });
    expect(result.output?.rows).toBe(MAX_SORTED_ROWS);
    await expect(runOnFile({ content: content(MAX_SORTED_ROWS + 1) }, { output })).rejects.toMatchObject({
      name: 'PermanentError',
      code: 'too_many_to_sort',
    });
    const wide = `a\n${`${'x'.repeat(99_999)}\n`.repeat(170)}`;
    const all = { output: { format: 'csv', sort: [{ column: 'a' }] } };
    await expect(runOnFile({ content: wide }, all)).rejects.toMatchObject({ code: 'too_many_to_sort' });
  });

  test.each([
    ['a column to sort by that there is not', { output: { format: 'csv', sort: [{ column: 'x' }] } }],
    ['a column to show that there is not', { output: { format: 'csv' }, columns: ['x'] }],
  ])('%s fails the task', async (_what, payload) => {
    await expect(runOnFile({ content: SALES }, payload)).rejects.toMatchObject({ code: 'unknown_column' });
  });
});

describe('the statistics that are written', () => {
  test('of columns are those of the result', async () => {
    const output = { content: 'columns', format: 'json' };
    const { result, written } = await runOnFile({ content: SALES }, { output });
    const shown = JSON.parse(written ?? '').map((column: object) =>
      Object.fromEntries(Object.entries(column).filter(([, value]) => value !== null)),
    );
    expect(shown).toEqual(result.columns?.map(({ ...column }) => column));
    const csv = await runOnFile({ content: SALES }, { output: { content: 'columns', format: 'csv' } });
    expect(csv.written?.split('\n')[0]).toMatch(/^name,type,count,missing,distinct,min,max,sum,mean,/);
    expect(csv.result.output).toMatchObject({ name: 'columns.csv', rows: 3 });
  });

  test('of groups have a row for each group', async () => {
    const output = { content: 'groups', format: 'csv' };
    const { written } = await runOnFile({ content: SALES }, { group_by: 'city', output });
    expect(written).toBe(
      'city,records,sales.count,sales.sum,sales.mean,sales.min,sales.max\n' +
        'Paris,2,2,8,4,3,5\nRome,1,0,,,,\n"Rome, old",1,1,10,10,10,10\n',
    );
  });
});

test('a column that appears late in NDJSON is missing before', async () => {
  const { result, written } = await runOnFile(
    { content: '{"a":1}\n{"b":"x","a":2}\n{"c":true}\n', name: 'x.ndjson' },
    { output: { format: 'csv' } },
  );
  expect(result.columns?.map(({ name, count, missing }) => [name, count, missing])).toEqual([
    ['a', 2, 1],
    ['b', 1, 2],
    ['c', 1, 2],
  ]);
  expect(written).toBe('a,b,c\n1,,\n2,x,\n,,true\n');
});

test('a file that is not there fails the task', async () => {
  await expect(runInline({ artifact: '01990000-0000-7000-8000-00000000000f' })).rejects.toMatchObject({
    code: 'artifact_not_found',
  });
});

test('a cancel is noticed while a file is read, and nothing is written then', async () => {
  const controller = new AbortController();
  let calls = 0;
  const progress = () => {
    calls += 1;
    if (calls === 3) setTimeout(() => controller.abort(new Error('Cancelled')), 0);
  };
  const content = `a,b\n${'1,2\n'.repeat(2_000_000)}`;
  await expect(runOnFile({ content }, {}, { signal: controller.signal, progress })).rejects.toThrow(
    'Cancelled',
  );
  expect(calls).toBeLessThan(30);
});
