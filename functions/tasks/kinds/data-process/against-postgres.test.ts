import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { gzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase } from '../../../database/testing/test-database.ts';
import type { ColumnSummary } from './statistics/column-statistics.ts';
import { MAX_CSV_BYTES } from './table/bounds.ts';
import { runInline as run, runOnFile } from './testing/run-kind.ts';

/** Compares summaries of real tables with Postgres: its own CSV reader and its own aggregates, on decimals where it can. */
const DATA = join(import.meta.dirname, '../../../../node_modules/vega-datasets/data');

let sql: postgres.Sql;

beforeAll(async () => {
  const { superuserUrl } = await createTestDatabase({ migrated: false });
  sql = postgres(superuserUrl, { max: 1, onnotice: () => {} });
});

afterAll(() => sql.end());

const whole = (file: string) => readFileSync(join(DATA, file), 'utf8');

/** Returns a file up to the limit of a payload: whole lines of at most 1 MiB. */
function csvOf(file: string): string {
  const text = whole(file);
  if (Buffer.byteLength(text) <= MAX_CSV_BYTES) return text;
  const cut = text.slice(0, 1_000_000);
  return cut.slice(0, cut.lastIndexOf('\n') + 1);
}

async function load(csv: string, names: readonly string[]): Promise<void> {
  await sql.unsafe(`drop table if exists given`);
  await sql.unsafe(
    `create table given (${names.map((_, index) => `c${index} text collate "C"`).join(', ')})`,
  );
  await pipeline([csv], await sql`copy given from stdin with (format csv, header true)`.writable());
}

const COUNTS = 'count(c)::int as count, (count(*) - count(c))::int as missing';
const NUMBERS = `${COUNTS}, count(distinct c::numeric)::int as distinct,
  min(c::numeric)::float8, max(c::numeric)::float8, sum(c::numeric)::float8, avg(c::numeric)::float8 as mean,
  sqrt(var_samp(c::numeric)::float8) as standard_deviation,
  percentile_cont(0.25) within group (order by c::float8) as lower_quartile,
  percentile_cont(0.5) within group (order by c::float8) as median,
  percentile_cont(0.75) within group (order by c::float8) as upper_quartile`;
const TEXTS = `${COUNTS}, count(distinct c)::int as distinct, min(char_length(c)) as shortest, max(char_length(c)) as longest,
  (select jsonb_agg(jsonb_build_object('value', value, 'count', n)) from
    (select c as value, count(*) as n from one where c is not null group by c order by n desc, c limit 5) as top
  ) as most_frequent`;
const times = (type: string) => `${COUNTS}, count(distinct c)::int as distinct,
  (array_agg(c order by c::${type}))[1] as earliest, (array_agg(c order by c::${type} desc))[1] as latest`;

const FIGURES: Readonly<Record<string, string>> = {
  integer: NUMBERS,
  number: NUMBERS,
  string: TEXTS,
  mixed: TEXTS,
  date: times('date'),
  datetime: times('timestamp'),
};

async function figuresOf(column: ColumnSummary, index: number): Promise<Record<string, unknown>> {
  const [row = {}] = await sql.unsafe(
    `with one as (select c${index} as c from given) select ${FIGURES[column.type]} from one`,
  );
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, nearly(value)]));
}

/** Postgres computed in decimals. A double holds about sixteen of their digits. */
function nearly(value: unknown): unknown {
  if (typeof value !== 'number' || Number.isInteger(value)) return value;
  return expect.closeTo(value, 12 - Math.ceil(Math.log10(Math.abs(value))));
}

/** The types of the columns as a person reads them in the files. */
const TYPES: Readonly<Record<string, string>> = {
  'github.csv': 'datetime integer',
  'iowa-electricity.csv': 'date string integer',
  'la-riots.csv': 'string string integer string string date string string string number number',
  'seattle-weather-hourly-normals.csv': 'datetime number number number',
  'seattle-weather.csv': 'date number number number number string',
  'stocks.csv': 'string string number',
  'zipcodes.csv': 'string number number string string string',
};

describe('every column of', () => {
  const files = readdirSync(DATA).filter((file) => file.endsWith('.csv'));

  test('the files there are', () => {
    expect(files).toEqual(expect.arrayContaining(Object.keys(TYPES)));
  });

  for (const file of files) {
    test(`${file} has the figures that Postgres computes`, async () => {
      // The whole file, packed: larger than a payload may be.
      const csv = whole(file);
      const { result } = await runOnFile({ content: gzipSync(csv), name: `${file}.gz` });
      const { records, columns = [] } = result;
      if (Buffer.byteLength(csv) <= MAX_CSV_BYTES) expect(await run({ csv })).toEqual(result);
      await load(
        csv,
        columns.map(({ name }) => name),
      );
      expect([{ records }]).toEqual([...(await sql`select count(*)::int as records from given`)]);
      for (const [index, column] of columns.entries()) {
        expect({ file, ...column }).toMatchObject({ file, ...(await figuresOf(column, index)) });
      }
      const types = columns.map(({ type }) => type).join(' ');
      expect(types).toBe(TYPES[file] ?? types);
    });
  }
});

type Question = { file: string; where: object[]; condition: string; sort: object[]; order: string };

const QUESTIONS: readonly Question[] = [
  {
    file: 'weather.csv',
    where: [
      { column: 'temp_max', op: 'at_least', value: 20 },
      { column: 'weather', op: 'in', value: ['sun', 'rain'] },
      { column: 'date', op: 'less_than', value: '2014-01-01' },
    ],
    condition: `temp_max::numeric >= 20 and weather in ('sun', 'rain') and date::date < '2014-01-01'`,
    sort: [{ column: 'temp_max', descending: true }, { column: 'date' }, { column: 'location' }],
    order: 'temp_max::numeric desc, date::date, location',
  },
  {
    file: 'la-riots.csv',
    where: [
      { column: 'age', op: 'greater_than', value: 30 },
      { column: 'gender', op: 'not_equals', value: 'Female' },
      { column: 'neighborhood', op: 'present' },
    ],
    condition: `age::numeric > 30 and gender <> 'Female' and neighborhood is not null`,
    sort: [{ column: 'age' }, { column: 'last_name', descending: true }, { column: 'first_name' }],
    order: 'age::numeric, last_name desc nulls last, first_name nulls last',
  },
  {
    file: 'birdstrikes.csv',
    where: [
      { column: 'Wildlife Species', op: 'contains', value: 'gull' },
      { column: 'Speed IAS in knots', op: 'missing' },
    ],
    condition: `"Wildlife Species" like '%gull%' and "Speed IAS in knots" is null`,
    sort: [{ column: 'Cost Total $', descending: true }],
    order: '"Cost Total $"::numeric desc nulls last, line',
  },
];

describe('the rows that conditions leave, sorted, of', () => {
  for (const { file, where, condition, sort, order } of QUESTIONS) {
    test(`${file} are those of Postgres`, async () => {
      const csv = whole(file);
      const names = csv.slice(0, csv.indexOf('\n')).trim().split(',');
      const quoted = names.map((name) => `"${name.replaceAll('"', '')}"`);
      await sql.unsafe(`drop table if exists sorted`);
      await sql.unsafe(
        `create table sorted (${quoted.map((name) => `${name} text collate "C"`).join(', ')}, line serial)`,
      );
      const copy = sql.unsafe(`copy sorted (${quoted.join(', ')}) from stdin with (format csv, header true)`);
      await pipeline([csv], await copy.writable());
      const rows = await sql.unsafe(
        `select ${quoted.join(', ')} from sorted where ${condition} order by ${order}`,
      );
      const output = { format: 'csv', sort };
      const { result, written = '' } = await runOnFile({ content: csv, name: file }, { where, output });
      expect(rows.length).toBeGreaterThan(20);
      expect([result.records, result.output?.rows]).toEqual([rows.length, rows.length]);
      const again: string[][] = parse(written, { from: 2 });
      expect(again).toEqual(rows.map((row) => Object.values(row).map((cell) => cell ?? '')));
    });
  }
});

const GROUPED: readonly (readonly [string, readonly string[], string])[] = [
  ['weather.csv', ['location', 'weather'], 'precipitation'],
  ['flights-airport.csv', ['origin'], 'count'],
  ['stocks.csv', ['symbol'], 'price'],
  ['disasters.csv', ['Entity'], 'Deaths'],
  ['la-riots.csv', ['neighborhood', 'gender', 'race'], 'age'],
  ['species.csv', ['common_name'], 'habitat_yearround_pct'],
];

describe('the groups of', () => {
  for (const [file, groupBy, measured] of GROUPED) {
    test(`${file} by ${groupBy.join(', ')} are those of Postgres`, async () => {
      const csv = csvOf(file);
      const names = csv.slice(0, csv.indexOf('\n')).trim().split(',');
      await load(csv, names);
      const column = (name: string) => `c${names.indexOf(name)}`;
      const keys = groupBy.map(column).join(', ');
      const value = `${column(measured)}::numeric`;
      const rows = await sql.unsafe(
        `select array[${keys}] as by, count(*)::int as records, count(${value})::int as count, sum(${value})::float8,
           avg(${value})::float8 as mean, min(${value})::float8, max(${value})::float8
         from given group by ${keys} order by ${keys}`,
      );
      const expected = rows.map(({ by, records, count, ...figures }) => {
        const measures = Object.fromEntries(
          Object.entries(figures).map(([name, figure]) => [name, nearly(figure)]),
        );
        return { by, records, columns: count === 0 ? [] : [{ name: measured, count, ...measures }] };
      });
      const { groups } = await run({ csv, group_by: groupBy, columns: [measured] });
      expect(groups).toEqual(expected);
      expect(groups?.length).toBeGreaterThan(1);
    });
  }
});
