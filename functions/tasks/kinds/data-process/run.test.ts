import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_ROW_BYTES } from '../../result.ts';
import { runInline as run } from './testing/run-kind.ts';

const message = 'Data processed successfully';

test('an empty payload gives the message', async () => {
  expect(await run({})).toEqual({ message });
  expect(await run(undefined)).toEqual({ message });
});

test('records give the message, their number and every column', async () => {
  const records = [{ a: 1, b: 'x' }, { a: 3 }, { b: null, c: true }];
  expect(await run({ records })).toEqual({
    message,
    records: 3,
    columns: [
      expect.objectContaining({
        name: 'a',
        type: 'integer',
        count: 2,
        missing: 1,
        distinct: 2,
        sum: 4,
        mean: 2,
        median: 2,
      }),
      expect.objectContaining({ name: 'b', type: 'string', count: 1, missing: 2, shortest: 1, longest: 1 }),
      expect.objectContaining({
        name: 'c',
        type: 'boolean',
        count: 1,
        most_frequent: [{ value: true, count: 1 }],
      }),
    ],
  });
});

test('no records are a table too, which has every column', async () => {
  expect(await run({ records: [] })).toEqual({ message, records: 0, columns: [] });
  const columns = [{ name: 'a', type: 'empty', count: 0, missing: 0, distinct: 0 }];
  expect(await run({ records: [], columns: ['a'], group_by: 'b' })).toEqual({
    message,
    records: 0,
    columns,
    group_by: ['b'],
    groups: [],
  });
});

test('only the columns asked for are summarized, in that order', async () => {
  const { columns } = await run({ csv: 'a,b,c\n1,2,3', columns: ['c', 'a'] });
  expect(columns?.map(({ name }) => name)).toEqual(['c', 'a']);
});

test('an unknown column fails without a retry, and the error lists the columns', async () => {
  const failure = { code: 'unknown_column', details: { column: 'z', columns: ['a', 'b'] } };
  await expect(run({ csv: 'a,b\n1,2', columns: ['z'] })).rejects.toMatchObject(failure);
  await expect(run({ csv: 'a,b\n1,2', group_by: 'z' })).rejects.toMatchObject(failure);
  await expect(run({ csv: 'a,b\n1,2', columns: ['constructor'] })).rejects.toMatchObject({
    code: 'unknown_column',
  });
});

test('the same table is summarized alike as CSV and as records', async () => {
  const records = [
    { k: 'x', n: 1.5 },
    { k: 'y', n: 2 },
    { k: 'x', n: null },
  ];
  const csv = 'k;n\nx;1.5\ny;2\nx;\n';
  expect(await run({ csv, delimiter: ';', group_by: 'k' })).toEqual(await run({ records, group_by: ['k'] }));
});

describe('columns with names that objects have', () => {
  const text =
    '[{"__proto__":1,"constructor":"a","toString":2},{"__proto__":2,"constructor":"b","hasOwnProperty":true}]';

  test('are columns like others', async () => {
    const { columns } = await run({ records: JSON.parse(text) });
    expect(columns?.map(({ name, count }) => [name, count])).toEqual([
      ['__proto__', 2],
      ['constructor', 2],
      ['toString', 1],
      ['hasOwnProperty', 1],
    ]);
    expect({}).not.toHaveProperty('1');
  });

  test('can be grouped by', async () => {
    const { groups } = await run({ records: JSON.parse(text), group_by: ['__proto__', 'constructor'] });
    expect(groups?.map(({ by }) => by)).toEqual([
      [1, 'a'],
      [2, 'b'],
    ]);
  });
});

describe('groups', () => {
  test('are ordered by their values, missing ones last, with their counts', async () => {
    const csv = 'k,n\nb,1\n,5\na,2\nb,3\na,\n';
    expect(await run({ csv, group_by: 'k' })).toMatchObject({
      group_by: ['k'],
      groups: [
        { by: ['a'], records: 2, columns: [{ name: 'n', count: 1, sum: 2, mean: 2, min: 2, max: 2 }] },
        { by: ['b'], records: 2, columns: [{ name: 'n', count: 2, sum: 4, mean: 2, min: 1, max: 3 }] },
        { by: [null], records: 1, columns: [{ name: 'n', count: 1, sum: 5, mean: 5, min: 5, max: 5 }] },
      ],
    });
  });

  test('of numbers are in the order of numbers', async () => {
    const { groups } = await run({ csv: 'k\n10\n9\n-1\n9.0\n', group_by: 'k' });
    expect(groups?.map(({ by, records }) => [...by, records])).toEqual([
      [-1, 1],
      [9, 2],
      [10, 1],
    ]);
  });

  test('are at most a thousand', async () => {
    const rows = (count: number) => ({
      csv: `k\n${Array.from({ length: count }, (_, i) => i).join('\n')}`,
      group_by: 'k',
    });
    expect((await run(rows(1000))).groups?.length).toBe(1000);
    await expect(run(rows(1001))).rejects.toMatchObject({ name: 'PermanentError', code: 'too_many_groups' });
  });

  test('contain each record once, and add up to the totals', async () => {
    const record = fc.record({ k: fc.constantFrom('a', 'b', '', 'constructor'), n: fc.integer() });
    await fc.assert(
      fc.asyncProperty(fc.array(record, { minLength: 1 }), async (records) => {
        const { columns = [], groups = [] } = await run({ records, group_by: 'k' });
        expect(groups.reduce((sum, group) => sum + group.records, 0)).toBe(records.length);
        expect(groups.reduce((sum, group) => sum + (group.columns[0]?.sum ?? 0), 0)).toBe(
          columns.find(({ name }) => name === 'n')?.sum,
        );
      }),
      { numRuns: 50 },
    );
  });
});

describe('the size of a result is bounded', () => {
  const sizeOf = (result: unknown) => Buffer.byteLength(JSON.stringify(result));
  const name = (index: number, filler: string) => `${index}`.padEnd(100, filler);

  test('by leaving out frequent values, and saying so', async () => {
    const row = (value: number) =>
      Object.fromEntries(Array.from({ length: 200 }, (_, i) => [name(i, 'ü'), `${value}${'☃'.repeat(200)}`]));
    const result = await run({ records: [0, 1, 2, 3, 4].map(row) });
    expect(sizeOf(result)).toBeLessThan(MAX_ROW_BYTES);
    expect(result).toMatchObject({ records: 5, left_out: { most_frequent: true } });
    expect(result.columns?.length).toBe(200);
  });

  test('by leaving out columns from the end, and counting them', async () => {
    const row = (value: number) =>
      Object.fromEntries(Array.from({ length: 200 }, (_, i) => [name(i, '\u0001'), value / 3]));
    const result = await run({ records: [1, 2, 4].map(row) });
    expect(sizeOf(result)).toBeLessThan(MAX_ROW_BYTES);
    expect((result.left_out?.columns ?? 0) + (result.columns?.length ?? 0)).toBe(200);
  });

  test('by leaving out groups from the end, and counting them', async () => {
    const columns = Array.from({ length: 20 }, (_, i) => `column ${i}`);
    const rows = Array.from({ length: 1000 }, (_, i) => columns.map((_, j) => (i + j) / 7).join(','));
    const csv = [`k,${columns.join(',')}`, ...rows.map((row, i) => `key ${i},${row}`)].join('\n');
    const result = await run({ csv, group_by: 'k' });
    expect(sizeOf(result)).toBeLessThan(MAX_ROW_BYTES);
    expect(sizeOf(result)).toBeGreaterThan(MAX_ROW_BYTES / 2);
    expect((result.left_out?.groups ?? 0) + (result.groups?.length ?? 0)).toBe(1000);
  });
});

test('progress only grows, and ends at 1', async () => {
  const fractions: number[] = [];
  await run({ csv: 'a,b\n1,2', group_by: 'a' }, { progress: (fraction) => fractions.push(fraction) });
  expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
  expect(fractions.at(-1)).toBe(1);
});

test('an abort is noticed between slices of the work, although it never waits for anything', async () => {
  const controller = new AbortController();
  let calls = 0;
  const progress = () => {
    calls += 1;
    if (calls === 2) setTimeout(() => controller.abort(new Error('Cancelled')), 0);
  };
  const csv = `${Array.from('abcdefghijklmnopqrstuvwxyz').join(',')}\n${`${'1,'.repeat(25)}1\n`.repeat(20_000)}`;
  await expect(run({ csv }, { signal: controller.signal, progress })).rejects.toThrow('Cancelled');
  expect(calls).toBeLessThan(10);
});

test('a table as large as allowed is summarized', async () => {
  const csv = `n\n${'1\n'.repeat(524_000)}`;
  expect(await run({ csv, group_by: 'n' })).toMatchObject({
    records: 524_000,
    groups: [{ by: [1], records: 524_000 }],
  });
});
