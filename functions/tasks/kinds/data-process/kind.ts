import * as z from 'zod';
import { textFault } from '../../../json-fault.ts';
import { SAYS_SOMETHING, STORABLE } from '../../../text-rules.ts';
import { defineKind } from '../../define-task.ts';
import { MAX_COLUMN_NAME, MAX_COLUMNS, MAX_CSV_BYTES, MAX_GROUP_COLUMNS, MAX_RECORDS } from './bounds.ts';
import { checkRecords } from './check-records.ts';

/** A cell of a record. */
export type Cell = string | number | boolean | null;

export type FlatRecord = Readonly<Record<string, Cell>>;

const columnName = z.string().min(1).max(MAX_COLUMN_NAME).meta({ pattern: STORABLE.source });

/** JSON Schema of one record, as `checkRecords` allows it. All records together have at most 200 columns. */
const RECORD = {
  type: 'object',
  maxProperties: MAX_COLUMNS,
  propertyNames: { maxLength: MAX_COLUMN_NAME, pattern: SAYS_SOMETHING.source, not: { const: '__proto__' } },
  additionalProperties: { type: ['string', 'number', 'boolean', 'null'], pattern: STORABLE.source },
};

/**
 * Payload of `data.process`. Records are checked by hand and passed on unchanged, because zod's own record type drops a column
 * named `__proto__`.
 */
const payload = z
  .strictObject({
    records: z
      .array(z.unknown())
      .max(MAX_RECORDS)
      .superRefine(checkRecords)
      .meta({ items: RECORD })
      .transform((records) => records as readonly FlatRecord[])
      .optional()
      .describe('Flat objects: column → string, number, boolean or null.'),
    csv: z
      .string()
      .min(1)
      .refine((text) => Buffer.byteLength(text) <= MAX_CSV_BYTES, 'Must be at most 1 MiB of UTF-8')
      .superRefine((text, issues) => {
        const fault = textFault(text);
        if (fault !== undefined) issues.addIssue({ code: 'custom', message: fault });
      })
      .meta({ pattern: STORABLE.source })
      .optional()
      .describe('CSV text (RFC 4180) whose first row names the columns.'),
    delimiter: z
      .enum([',', ';', '\t', '|'])
      .optional()
      .describe('Separator between the fields of `csv`. Default: a comma.'),
    group_by: z
      .union([
        columnName.transform((name) => [name]),
        z.array(columnName).min(1).max(MAX_GROUP_COLUMNS).meta({ uniqueItems: true }),
      ])
      .refine(allDifferent, 'Must not name a column twice')
      .optional()
      .describe('One to three columns to group by.'),
    columns: z
      .array(columnName)
      .min(1)
      .max(MAX_COLUMNS)
      .refine(allDifferent, 'Must not name a column twice')
      .meta({ uniqueItems: true })
      .optional()
      .describe('Summarize only these columns.'),
  })
  .superRefine((given, issues) => {
    const refuse = (field: string, message: string) =>
      issues.addIssue({ code: 'custom', path: [field], message });
    if (given.csv !== undefined && given.records !== undefined) {
      refuse('csv', 'Give either records or csv, not both');
    }
    if (given.delimiter !== undefined && given.csv === undefined)
      refuse('delimiter', 'Only together with csv');
    if (given.csv !== undefined || given.records !== undefined) return;
    for (const field of ['group_by', 'columns'] as const) {
      if (given[field] !== undefined) refuse(field, 'Only together with records or csv');
    }
  })
  .meta({
    oneOf: [
      { title: 'Records', properties: { csv: false, delimiter: false }, required: ['records'] },
      { title: 'CSV', properties: { records: false }, required: ['csv'] },
      {
        title: 'Nothing',
        properties: { records: false, csv: false, delimiter: false, group_by: false, columns: false },
      },
    ],
  })
  .prefault({});

export type DataProcessPayload = z.output<typeof payload>;

function allDifferent(names: readonly string[]): boolean {
  return new Set(names).size === names.length;
}

/** Summarizes a table: counts, types, statistics per column and per group. */
export default defineKind({
  kind: 'data.process',
  label: 'Process data',
  description: 'Summarizes a table of records or CSV: counts, types and statistics of each column and group.',
  example: { csv: 'city,sales\nParis,3\nRome,4', group_by: 'city' },
  form: { records: { input: 'json' }, csv: { input: 'file' } },
  payload,
  limits: { soft: '45s', hard: '60s' },
  runs: { isolatedWith: ['records', 'csv'] },
});
