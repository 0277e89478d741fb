import { beforeAll, expect, test } from 'vitest';
import type { ColumnSummary } from './statistics/column-statistics.ts';
import { DISTINCT_ERROR } from './statistics/distinct-sketch.ts';
import { RANK_ERROR } from './statistics/quantiles.ts';
import { COUNT_ERROR } from './statistics/value-counts.ts';
import { EXACT_CELLS } from './table/bounds.ts';
import { runOnFile } from './testing/run-kind.ts';

/* A table that is too large for exact statistics, against those that are computed here from all its cells. */

const ROWS = EXACT_CELLS / 2 + 1;

const amountAt = (row: number) => Math.round(1e6 * Math.sin(row)) / 100;
const nameAt = (row: number) => (row % 4 === 0 ? `often ${row % 5}` : `seldom ${(row * 7_919) % 200_000}`);

let columns: readonly ColumnSummary[];

beforeAll(async () => {
  const rows = Array.from({ length: ROWS }, (_, row) => `${amountAt(row)},${nameAt(row)}`);
  const { result } = await runOnFile({ content: `amount,name\n${rows.join('\n')}\n` });
  columns = result.columns ?? [];
});

test('says which statistics are estimates', () => {
  expect(columns.map(({ estimated }) => estimated)).toEqual([
    ['distinct', 'lower_quartile', 'median', 'upper_quartile'],
    ['distinct', 'most_frequent'],
  ]);
});

test('has exact counts, extremes, sums and means', () => {
  const amounts = Array.from({ length: ROWS }, (_, row) => amountAt(row));
  const cents = amounts.reduce((sum, amount) => sum + Math.round(amount * 100), 0);
  const [amount, name] = columns;
  expect(amount).toMatchObject({ count: ROWS, missing: 0, min: -10_000, max: 10_000 });
  expect(amount?.sum).toBeCloseTo(cents / 100, 5);
  expect(amount?.mean).toBeCloseTo(cents / 100 / ROWS, 9);
  expect(name).toMatchObject({ count: ROWS, missing: 0, shortest: 7, longest: 13 });
});

test('has quartiles whose rank is within the bound', () => {
  const sorted = Float64Array.from({ length: ROWS }, (_, row) => amountAt(row)).sort();
  const shares = { lower_quartile: 0.25, median: 0.5, upper_quartile: 0.75 } as const;
  for (const [name, share] of Object.entries(shares)) {
    const value = columns[0]?.[name as keyof typeof shares] ?? Number.NaN;
    const rank = share * (ROWS - 1);
    expect(rank - sorted.lastIndexOf(value)).toBeLessThanOrEqual(RANK_ERROR * ROWS + 1);
    expect(sorted.indexOf(value) - rank).toBeLessThanOrEqual(RANK_ERROR * ROWS + 1);
    expect(sorted.indexOf(value)).toBeGreaterThan(0);
  }
});

test('has estimates of different values, and lower bounds of the counts of frequent ones', () => {
  const counts = new Map<string, number>();
  for (let row = 0; row < ROWS; row += 1) counts.set(nameAt(row), (counts.get(nameAt(row)) ?? 0) + 1);
  const name = columns[1];
  const distinct = name?.distinct ?? 0;
  expect(Math.abs(distinct - counts.size)).toBeLessThanOrEqual(3 * DISTINCT_ERROR * counts.size);
  expect(name?.most_frequent?.map(({ value }) => value).sort()).toEqual(
    [0, 1, 2, 3, 4].map((n) => `often ${n}`),
  );
  for (const { value, count } of name?.most_frequent ?? []) {
    const right = counts.get(String(value)) ?? 0;
    expect(count).toBeLessThanOrEqual(right);
    expect(right - count).toBeLessThanOrEqual(COUNT_ERROR * ROWS);
  }
});
